"""Arguments that are no settings: each mistake is one sentence."""

from pathlib import Path
from typing import Any

import pytest

from helixnas.api.arguments import as_count, as_mapping, as_names, as_path
from helixnas.errors import ConfigError


def test_what_fits_is_taken() -> None:
    assert as_path(Path("a"), "out") == as_path("a", "out") == Path("a")
    assert as_mapping({"macs": 1}, "max", {}) == {"macs": 1}
    assert as_names(iter(["a"]), "boundaries", ()) == ("a",)
    assert as_count(0, "num_classes") == 0


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
        (lambda value: as_count(value, "num_classes"), True, "not True"),
    ],
)
def test_other_things_are_named(check: Any, value: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check(value)
