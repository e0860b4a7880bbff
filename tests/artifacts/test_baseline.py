"""The file of a baseline: read back as it was saved; what is damaged or newer is one sentence."""

import json
from pathlib import Path

import pytest

from helixnas.artifacts.baseline import Baseline, BaselinePoint
from helixnas.errors import ArtifactError

POINT = BaselinePoint(
    epoch=0.5,
    images_seen=120,
    seconds=2.0,
    core_seconds=4.0,
    rating_seconds=0.25,
    rating_core_seconds=0.5,
    scores={"loss": (1.5, 1.25, 1.0), "accuracy": (0.25, 0.5, 0.5)},
)
BASELINE = Baseline(
    method="spos",
    seed=1,
    benchmark="made",
    device="cpu",
    key="0" * 16,
    settings={"lr": 0.05},
    networks=("4:a", "4:b", "4:c"),
    points=(POINT,),
)


def test_a_saved_baseline_reads_back(tmp_path: Path) -> None:
    BASELINE.save(tmp_path / "spos.json")
    assert Baseline.load(tmp_path / "spos.json") == BASELINE


def test_the_first_kind_of_score_is_what_it_ranks_by() -> None:
    assert BASELINE.score == "loss"


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"networks": ["4:a"]},
        {"points": [{}]},
        {"points": [{"scores": {}}]},
        {"seed": "one"},
        {"settings": 3},
    ],
)
def test_a_damaged_file_is_one_sentence(change: dict[str, object], tmp_path: Path) -> None:
    BASELINE.save(tmp_path / "spos.json")
    values = json.loads((tmp_path / "spos.json").read_text())
    (tmp_path / "spos.json").write_text(json.dumps({**values, **change}))
    with pytest.raises(ArtifactError, match="spos.json is truncated or damaged"):
        Baseline.load(tmp_path / "spos.json")


def test_another_version_is_named(tmp_path: Path) -> None:
    BASELINE.save(tmp_path / "spos.json")
    values = json.loads((tmp_path / "spos.json").read_text())
    (tmp_path / "spos.json").write_text(json.dumps({**values, "version": 2}))
    with pytest.raises(ArtifactError, match=r"written by another HelixNAS \(format 2; this one reads 1\)"):
        Baseline.load(tmp_path / "spos.json")
