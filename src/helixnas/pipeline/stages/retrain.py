"""retrain: train the winner of a named search from scratch."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage, Values
from helixnas.pipeline.stages.wording import fit_seconds, retrain_text


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    retrain = values["retrain"]
    if retrain is None or retrain["init"] != "scratch":
        return None
    return {"retrain": {name: value for name, value in retrain.items() if name not in ("init", "inherit")}}


def _describe(recipe: Recipe, search: str) -> str:
    assert recipe.retrain is not None, "the plan holds the stage only where it has settings"
    return retrain_text(recipe.retrain, recipe.retrain.fit, recipe.expected_training_images)


def _seconds(recipe: Recipe, times: ForwardTimes) -> float:
    assert recipe.retrain is not None, "the plan holds the stage only where it has settings"
    return fit_seconds(recipe.retrain.fit, recipe.expected_training_images, times.network)


RETRAIN = Stage(
    name="retrain",
    verb="retrain",
    purpose="train a searched architecture, from scratch or from inherited weights",
    settings=_settings,
    upstream=lambda values, search: (f"search:{search}",),
    describe=_describe,
    seconds=_seconds,
    work="helixnas.pipeline.work.retrain:retrain",
    check="helixnas.pipeline.work.retrain:check_images",
    files=("searches/{search}/retrained/*", "history/retrain-{search}.parquet"),
    per_search=True,
)
