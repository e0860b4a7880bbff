"""Plan of a study: folders of variants and the stages that they run."""

from pathlib import Path

from helixnas.experiments.study_plan import STUDIED, StudyPlan, Variant, stages_of
from helixnas.pipeline.recipe import Recipe


def test_a_variant_runs_the_stages_up_to_its_searches(tiny: Recipe) -> None:
    stages = stages_of(tiny)
    assert list(stages) == ["teacher", "costs", "distill", "rate", "stitch", "search:small"]
    assert {one.stage.name for one in stages.values()} == {*STUDIED} - {"proxies"}


def test_files_of_a_study_lie_in_its_folder(tiny: Recipe) -> None:
    variant = Variant(label="a", changes={"seed": 1}, recipe=tiny)
    plan = StudyPlan(
        name="s", description="", base="tiny", axis="x", ordered=False, variants=(variant,), out=Path("studies/s")
    )
    assert plan.folder(variant).path == Path("studies/s/variants/a")
    assert (plan.figures, plan.page) == (Path("studies/s/study.json"), Path("studies/s/study.html"))
