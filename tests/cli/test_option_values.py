"""Values of options: lists, amounts, and settings named as options."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from helixnas.artifacts.lineage import Generation, Lineage, LineageFolder
from helixnas.cli.option_values import amounts, named_as_options, run_folder, words
from helixnas.errors import ConfigError


def test_lists_are_separated_by_commas_with_or_without_brackets() -> None:
    assert words("a,b") == words("[a, b]") == ["a", "b"]
    assert words("") == []


@pytest.mark.parametrize("text", ["macs", "=3", "macs="])
def test_an_amount_without_resource_or_value_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="must be RESOURCE=AMOUNT"):
        amounts([text], "--max")


def test_a_resource_is_limited_once() -> None:
    assert amounts(["macs=1M", "params=60%"], "--max") == {"macs": "1M", "params": "60%"}
    with pytest.raises(ConfigError, match="--max limits macs twice"):
        amounts(["macs=1", "macs=2"], "--max")


def test_a_setting_is_named_as_its_option_and_others_are_left() -> None:
    with pytest.raises(ConfigError, match="^--batch-size must be 1$"), named_as_options("costs"):
        raise ConfigError("costs.batch_size must be 1")
    with pytest.raises(ConfigError, match="^rating.batch_size must be 1$"), named_as_options("costs"):
        raise ConfigError("rating.batch_size must be 1")


def test_of_generations_the_last_or_the_best_is_taken_and_named(
    generation: Callable[..., Generation], tmp_path: Path
) -> None:
    out = LineageFolder(tmp_path / "plus")
    ones = (generation(1, quality=0.75), generation(2, quality=0.5))
    Lineage(recipe="mine", number=2, search="small", generations=ones).save(out.lineage)
    for number in (1, 2):
        out.run(number).path.mkdir()
        out.run(number).record.write_text("{}")
    console = Console(file=StringIO(), width=200)
    assert run_folder(str(out.path), console).path == out.run(2).path
    assert run_folder(str(out.path), console, is_best=True).path == out.run(1).path
    assert run_folder(str(out.run(1).path), console).path == out.run(1).path
    assert isinstance(console.file, StringIO)
    assert console.file.getvalue().splitlines() == [
        f"of the generations, {out.run(2).path} is taken, the last",
        f"of the generations, {out.run(1).path} is taken, the best",
    ]
