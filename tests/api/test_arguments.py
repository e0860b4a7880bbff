"""Arguments that are no settings: each mistake is one sentence."""

from pathlib import Path
from typing import Any

import pytest

from helixnas.api.arguments import as_count, as_mapping, as_names, as_number, as_path, as_reporter, as_text
from helixnas.errors import ConfigError


def test_what_fits_is_taken() -> None:
    assert as_path(Path("a"), "out") == as_path("a", "out") == Path("a")
    assert as_mapping({"macs": 1}, "max", {}) == {"macs": 1}
    assert as_names(iter(["a"]), "boundaries", ()) == ("a",)
    assert as_count(0, "num_classes") == 0


def test_a_run_reports_on_the_console_to_a_function_or_nowhere(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    for say in ("console", said.append, None):
        as_reporter(say, tmp_path).say("12 images")
    assert capsys.readouterr().out == "12 images\n"
    assert said == ["12 images"]


@pytest.mark.parametrize(
    ("check", "value", "message"),
    [
        (lambda value: as_path(value, "out"), 3, "out must be a path, for example 'runs/mine', not 3"),
        (lambda value: as_path(value, "out"), "", "out must be a path"),
        (
            lambda value: as_mapping(value, "max", {"macs": 1}),
            [("a", 1)],
            r"max must be a dict such as \{'macs': 1\}, not",
        ),
        (lambda value: as_mapping(value, "max", {"macs": 1}), {1: 2}, "max must be a dict"),
        (
            lambda value: as_names(value, "boundaries", ["a"]),
            "ab",
            r"boundaries must be a list such as \['a'\], not 'ab'",
        ),
        (lambda value: as_names(value, "boundaries", ["a"]), [1], r"boundaries must be a list .* not \[1\]"),
        (lambda value: as_names(value, "boundaries", ["a"]), 1, "boundaries must be a list .* not 1"),
        (
            lambda value: as_count(value, "num_classes"),
            "3",
            "num_classes must be a whole number of at least 0, not '3'",
        ),
        (lambda value: as_count(value, "num_classes"), -1, "not -1"),
        (lambda value: as_number(value, "hours"), 10**400, "hours is too large for a number"),
        (lambda value: as_text(value, "name", "small"), 3, "name must be a text such as 'small', not 3"),
        (lambda value: as_text(value, "name", "small"), "", "name must be a text such as 'small', not ''"),
        (lambda value: as_count(value, "num_classes"), True, "not True"),
    ],
)
def test_other_things_are_named(check: Any, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(value)
