"""Dataclasses as JSON: read back as they were, and refused by the name of the field that is wrong."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from helixnas.artifacts.record import Record, from_plain
from helixnas.errors import ArtifactError


@dataclass(frozen=True)
class Part:
    """A nested dataclass."""

    share: float
    pair: tuple[int, str]


@dataclass(frozen=True)
class Whole(Record):
    """One field of every kind that a record may have."""

    FORMAT: ClassVar[tuple[str, int]] = ("whole", 1)

    kind: Literal["a", "b"]
    parts: tuple[Part, ...]
    by_name: Mapping[str, Mapping[str, Part]]
    best: Part | None
    anything: Mapping[str, Any]
    later: int | None = None


WHOLE = Whole("a", (Part(0.5, (1, "x")),), {"m": {"n": Part(1.0, (2, "y"))}}, None, {"z": [1, None]}, 3)


def test_a_record_of_every_kind_of_field_reads_back(tmp_path: Path) -> None:
    WHOLE.save(tmp_path / "w.json")
    assert Whole.load(tmp_path / "w.json") == WHOLE


def test_a_whole_number_is_read_as_a_float_where_the_field_is_one() -> None:
    share = from_plain(Part, {"share": 1, "pair": [1, "x"]}).share
    assert (share, type(share)) == (1.0, float)


def test_a_missing_field_takes_its_default() -> None:
    values = {**asdict(Whole("b", (), {}, None, {})), "parts": []}
    del values["later"]
    assert from_plain(Whole, values) == Whole("b", (), {}, None, {})


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"kind": "c"}, "kind"),
        ({"parts": {}}, "parts"),
        ({"parts": [{"share": "half", "pair": [1, "x"]}]}, "share"),
        ({"parts": [3]}, "Part"),
        ({"by_name": []}, "by_name"),
        ({"later": "now"}, "later"),
        ({"anything": 3}, "anything"),
        ({"unknown": 3}, "unknown"),
    ],
)
def test_a_wrong_field_is_named(change: dict[str, Any], name: str) -> None:
    wrong = {**asdict(WHOLE), "parts": [], **change}
    with pytest.raises((ValueError, TypeError), match=name):
        from_plain(Whole, wrong)


def test_a_pair_of_three_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        from_plain(Part, {"share": 0.5, "pair": [1, "x", 2]})


@pytest.mark.parametrize("other", [("other", 1), ("whole", 2)])
def test_another_format_or_version_is_refused(
    other: tuple[str, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    WHOLE.save(tmp_path / "w.json")
    monkeypatch.setattr(Whole, "FORMAT", other)
    with pytest.raises(ArtifactError, match=r"w\.json"):
        Whole.load(tmp_path / "w.json")
