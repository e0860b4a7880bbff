"""The file of a study: read back as it was, refused where it is another."""

import json
from pathlib import Path

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.study import Picked, Ranked, Study, StudyRow
from helixnas.errors import ArtifactError


def a_study() -> Study:
    """Return a study of two variants, one with a benchmark's figures."""
    figures = Ranked(
        score="relative_l1",
        kendall=Estimate(0.5, (0.25, 0.75)),
        spearman=Estimate(0.6, (0.3, 0.8)),
        partial=Estimate(0.1, (-0.1, 0.3)),
        sizes={name: Estimate(0.25, (0.0, 0.5)) for name in ("macs", "params", "depth")},
        num_networks=40,
    )
    shared = {"seconds": 1.0, "chosen": "8:mb3_k3", "stitched": figures}
    with_benchmark = StudyRow(
        label="a",
        changes={"seed": 0},
        run="variants/a",
        trained=figures,
        picked=Picked(accuracy=0.9, best=0.95, regret=0.02, random_regret=0.05),
        teacher_accuracy=0.98,
        **shared,
    )
    alone = StudyRow(label="b", changes={"seed": 1}, run="variants/b", trained=None, picked=None, **shared)
    return Study(
        name="mine",
        description="Two seeds.",
        base="digits",
        axis="seed",
        ordered=False,
        benchmark="bench",
        rows=(with_benchmark, alone),
    )


def test_a_study_survives_its_file(tmp_path: Path) -> None:
    a_study().save(tmp_path / "study.json")
    assert Study.load(tmp_path / "study.json") == a_study()


def test_a_file_from_before_teachers_were_told_is_read(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    a_study().save(path)
    values = json.loads(path.read_text())
    for row in values["rows"]:
        del row["teacher_accuracy"]
    path.write_text(json.dumps(values))
    assert [row.teacher_accuracy for row in Study.load(path).rows] == [None, None]


def test_the_stitching_check_of_a_run_is_read_with_its_sizes() -> None:
    both = {"kendall": 0.5, "kendall_interval": [0.25, 0.75], "spearman": 0.6, "spearman_interval": [0.3, 0.8]}
    summary = {"score": both, **dict.fromkeys(("macs", "params", "depth"), both)}
    summary |= {"partial_spearman": 0.1, "partial_spearman_interval": [0.0, 0.2]}
    found = Ranked.stitched(summary, "task_kl", 12)
    assert found.kendall == Estimate(0.5, (0.25, 0.75))
    assert found.partial == Estimate(0.1, (0.0, 0.2))
    assert set(found.sizes) == {"macs", "params", "depth"}
    assert (found.score, found.num_networks) == ("task_kl", 12)


def test_a_file_that_is_none_or_of_another_version_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.json"
    a_study().save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), "version": 99}))
    with pytest.raises(ArtifactError, match="written by another HelixNAS"):
        Study.load(path)
    path.write_text(json.dumps({"format": "else", "version": 1}))
    with pytest.raises(ArtifactError, match="truncated or damaged"):
        Study.load(path)
