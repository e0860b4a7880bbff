"""inherit: the winner of a named search inherits the supernet's weights and is fine-tuned."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage, Values
from helixnas.pipeline.stages.wording import fit_seconds, retrain_text


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    retrain = values["retrain"]
    if retrain is None or retrain["init"] != "inherited":
        return None
    return {"retrain": {name: value for name, value in retrain.items() if name != "init"}}


def _describe(recipe: Recipe, search: str) -> str:
    config = recipe.retraining
    return retrain_text(config, config.inherit.tuning(config.fit), recipe.expected_training_images)


def _seconds(recipe: Recipe, times: ForwardTimes) -> float:
    config, images = recipe.retraining, recipe.expected_training_images
    head, tuning = config.inherit.head_fit(config.fit), config.inherit.tuning(config.fit)
    return sum(fit_seconds(fit, images, times.network) for fit in (head, tuning))


INHERIT = Stage(
    name="inherit",
    verb="retrain",
    settings=_settings,
    upstream=lambda values, search: (f"search:{search}", "distill"),
    describe=_describe,
    seconds=_seconds,
    work="helixnas.pipeline.work.retrain:retrain_inherited",
    check="helixnas.pipeline.work.retrain:check_images",
    files=("searches/{search}/inherited/*", "history/inherit-{search}.parquet"),
    per_search=True,
)
