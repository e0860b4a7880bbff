"""teacher: load or train the teacher network and find its block boundaries (Sec. 3.3)."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage, Values
from helixnas.pipeline.stages.wording import fit_seconds, fit_text


def _settings(values: Values, search: str) -> Mapping[str, Any]:
    settings = {name: values[name] for name in ("seed", "data", "space", "imports", "teacher")}
    settings["precision"] = values["runtime"]["precision"]
    if values["distill"]["objective"] == "self-supervised":
        return {**settings, "objective": "self-supervised"}
    return settings if values["teacher"]["weights"] else {**settings, "teacher_fit": values["teacher_fit"]}


def _describe(recipe: Recipe, search: str) -> str:
    if recipe.teacher.weights:
        return f"load weights: {recipe.teacher.weights}"
    if recipe.distill.is_self_supervised:
        return "random weights, which learn with the supernet"
    return fit_text(recipe.teacher_fit, recipe.expected_training_images)


def _seconds(recipe: Recipe, times: ForwardTimes) -> float:
    if recipe.teacher.weights or recipe.distill.is_self_supervised:
        return 0.0
    return fit_seconds(recipe.teacher_fit, recipe.expected_training_images, times.teacher)


TEACHER = Stage(
    name="teacher",
    verb="teacher",
    purpose="load or train the teacher of a run",
    settings=_settings,
    upstream=lambda values, search: (),
    describe=_describe,
    seconds=_seconds,
    work="helixnas.pipeline.work.teacher:make_teacher",
    files=("teacher/*", "history/teacher.parquet"),
)
