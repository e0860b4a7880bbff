"""retrain: train the winner of a named search from scratch, or fine-tune it from the supernet's weights (inherit)."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage, Values
from helixnas.pipeline.stages.wording import fit_seconds, retrain_text


def _settings(values: Values, init: str, *without: str) -> Mapping[str, Any] | None:
    """Return the settings of retraining but those named, or None unless the initial weights are `init`."""
    retrain = values["retrain"]
    if retrain is None or retrain["init"] != init:
        return None
    return {"retrain": {name: value for name, value in retrain.items() if name not in ("init", *without)}}


RETRAIN = Stage(
    name="retrain",
    verb="retrain",
    purpose="train a searched architecture, from scratch or from inherited weights",
    settings=lambda values, search: _settings(values, "scratch", "inherit"),
    upstream=lambda values, search: (f"search:{search}",),
    describe=lambda recipe, search: retrain_text(
        recipe.retraining, recipe.retraining.fit, recipe.expected_training_images
    ),
    seconds=lambda recipe, times: fit_seconds(recipe.retraining.fit, recipe.expected_training_images, times.network),
    work="helixnas.pipeline.work.retrain:retrain",
    checks=("helixnas.pipeline.work.retrain:check_images",),
    files=("searches/{search}/retrained/*", "history/retrain-{search}.parquet"),
    per_search=True,
)


def _describe_inherit(recipe: Recipe, search: str) -> str:
    config = recipe.retraining
    return retrain_text(config, config.inherit.tuning(config.fit), recipe.expected_training_images)


def _inherit_seconds(recipe: Recipe, times: ForwardTimes) -> float:
    config, images = recipe.retraining, recipe.expected_training_images
    head, tuning = config.inherit.head_fit(config.fit), config.inherit.tuning(config.fit)
    return sum(fit_seconds(fit, images, times.network) for fit in (head, tuning))


INHERIT = Stage(
    name="inherit",
    verb="retrain",
    settings=lambda values, search: _settings(values, "inherited"),
    upstream=lambda values, search: (f"search:{search}", "distill"),
    describe=_describe_inherit,
    seconds=_inherit_seconds,
    work="helixnas.pipeline.work.retrain:retrain_inherited",
    checks=("helixnas.pipeline.work.retrain:check_images",),
    files=("searches/{search}/inherited/*", "history/inherit-{search}.parquet"),
    per_search=True,
)
