"""A study whose variants are runs, or generations of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.study import Study
from helixnas.engine.progress import Reporter
from helixnas.experiments.study import run_study
from helixnas.experiments.study_plan import StudyPlan, Variant
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig, StopConfig
from helixnas.pipeline.recipe import Recipe


@pytest.fixture
def plan(tiny: Recipe, tmp_path: Path) -> StudyPlan:
    """Return two variants, the second with two generations."""
    plain = replace(tiny, stitching=replace(tiny.stitching, num_architectures=0))
    stop = StopConfig(num_networks=20, num_epochs=1, tau=1.0)
    twice = replace(plain, generations=GenerationsConfig(teacher=NextTeacherConfig(width=1.5), stop=stop))
    return StudyPlan(
        name="mine",
        description="Once and twice.",
        base="tiny",
        axis="generations",
        ordered=False,
        variants=(
            Variant(label="once", changes={}, recipe=plain),
            Variant(label="twice", changes={"generations": 2}, recipe=twice),
        ),
        out=tmp_path / "study",
    )


@pytest.mark.slow
def test_each_run_of_each_variant_is_a_row(plan: StudyPlan) -> None:
    found = run_study(plan, Reporter())
    assert [row.label for row in found.rows] == ["once", "twice, generation 1", "twice, generation 2"]
    assert [row.run for row in found.rows] == [
        "variants/once",
        "variants/twice/generation-1",
        "variants/twice/generation-2",
    ]
    assert Study.load(plan.figures) == found
    once, first, second = found.rows
    assert once.winner_accuracy is None
    assert once.chosen == first.chosen
    lineage = LineageFolder(plan.place(plan.variants[1])).load()
    qualities = [one.quality.value for one in lineage.generations if one.quality]
    assert [first.winner_accuracy, second.winner_accuracy] == qualities
    page = plan.page.read_text()
    assert "winner, trained shortly" in page
    assert "twice, generation 2" in page
