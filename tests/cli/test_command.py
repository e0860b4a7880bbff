"""Parsing a command's words: own options, settings of a recipe, and mistakes."""

import pytest

from helixnas.cli.command import Command, Parser, unknown_option
from helixnas.errors import ConfigError


def _options(parser: Parser) -> None:
    parser.run_folder()
    parser.whole("--num-epochs", 3, "passes over the images")
    parser.number("--lr", None, "learning rate")
    parser.flag("--quiet", "print errors only")
    parser.repeated("--max", "RESOURCE=AMOUNT", "upper limit, as in macs=60%")
    parser.option("--bench", metavar="FILE", required=True, help="a benchmark")


def command(takes_settings: bool = False) -> Command:
    return Command(
        name="toy",
        purpose="play",
        add_options=_options,
        run=lambda options, console: None,
        takes_settings=takes_settings,
    )


def test_options_are_read_with_hyphens_or_underscores() -> None:
    words = ["runs/a", "--num_epochs=5", "--bench", "b.json", "--quiet", "--max", "macs=1", "--max", "params=2"]
    options = command().parse(words)
    assert (options.run, options.num_epochs, options.lr, options.quiet) == ("runs/a", 5, None, True)
    assert command().parse([*words, "--lr", "1e-3"]).lr == 0.001
    assert options.max == ["macs=1", "params=2"]


def test_unknown_options_of_a_command_with_settings_are_kept_as_overrides() -> None:
    words = ["runs/a", "--bench", "b.json", "--distill.num_epochs", "2", "--seed=1", "--quiet"]
    options = command(takes_settings=True).parse(words)
    assert options.overrides == ["--distill.num_epochs", "2", "--seed=1"]
    assert options.quiet


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bench", "b"], "RUN is missing; see helixnas toy --help"),
        (["a"], "--bench is missing; see helixnas toy --help"),
        (["a", "--bench"], "--bench needs a value; see helixnas toy --help"),
        (["a", "--bench", "b", "c"], "unexpected argument 'c'; see helixnas toy --help"),
        (["a", "--bench", "b", "--lr", "fast"], "--lr must be a number, not 'fast'"),
        (["a", "--bench", "b", "--num-epochs", "1.5"], "--num-epochs must be a whole number, not '1.5'"),
        (
            ["a", "--bench", "b", "--num-epoch", "1"],
            "unknown option --num-epoch; did you mean --num-epochs or --bench?",
        ),
    ],
)
def test_a_mistake_is_one_sentence(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        command().parse(words)
    assert str(error.value) == message


def test_the_usage_is_one_line_of_what_is_required() -> None:
    assert Parser(command()).format_usage() == "usage: helixnas toy RUN --bench FILE [options]\n"
    usage = Parser(command(takes_settings=True)).format_usage()
    assert usage.endswith("[options] [--SECTION.SETTING VALUE ...]\n")


def test_help_shows_defaults_and_percent_signs() -> None:
    text = " ".join(Parser(command()).format_help().split())
    assert "passes over the images (default: 3)" in text
    assert "upper limit, as in macs=60%" in text


def test_an_option_like_no_other_points_to_the_help() -> None:
    assert str(unknown_option("--xyz", ["--name"])) == "unknown option --xyz; see --help"
