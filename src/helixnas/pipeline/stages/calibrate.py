"""calibrate: networks trained shortly correct the scores of all paths, additively."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from helixnas.calibration.config import CALIBRATED
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import Stage, Values
from helixnas.pipeline.stages.proxies import with_proxies
from helixnas.pipeline.stages.wording import fit_seconds, fit_text
from helixnas.retrain.config import InheritConfig

INHERITING = ("num_images", "batch_size")
"""Settings of retrain.inherit by which a network takes the supernet's weights."""


def scores_to_correct(values: Values) -> tuple[str, ...]:
    """Return the scores that calibration names, or the recipe's, or the first that is rated and the first proxy."""
    proxies = values["proxies"]["scores"][:1] if values["proxies"]["num_networks"] else ()
    added = [name for name in values["scores"] if name != CALIBRATED]
    return tuple(values["calibration"]["scores"] or added or (*values["rating"]["scores"][:1], *proxies))


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    """Return the settings with the scores that are corrected, wherever these are named, and how weights are inherited."""
    config = values["calibration"]
    if not config["num_networks"]:
        return None
    settings = {"calibration": {**config, "scores": list(scores_to_correct(values))}}
    if config["init"] == "scratch":
        return settings
    inherit = asdict(InheritConfig()) if values["retrain"] is None else values["retrain"]["inherit"]
    return {**settings, "retrain": {"inherit": {name: inherit[name] for name in INHERITING}}}


def _describe(recipe: Recipe, search: str) -> str:
    config = recipe.calibration
    return f"{config.num_networks} networks, {fit_text(config.training, recipe.expected_training_images)} each"


def _upstream(values: Values, search: str) -> tuple[str, ...]:
    supernet = ("distill",) if values["calibration"]["init"] == "inherited" else ()
    return with_proxies(values, (*supernet, "rate", "costs"))


def with_calibration(scores: Sequence[str], upstream: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names of stages and, where a search adds up calibrated scores, that of calibration."""
    return (*upstream, "calibrate") if CALIBRATED in scores else upstream


CALIBRATE = Stage(
    name="calibrate",
    verb="calibrate",
    purpose="train some networks shortly, and correct the score of every path by their accuracies",
    settings=_settings,
    upstream=_upstream,
    describe=_describe,
    seconds=lambda recipe, times: (
        recipe.calibration.num_networks
        * fit_seconds(recipe.calibration.training, recipe.expected_training_images, times.network)
    ),
    work="helixnas.pipeline.work.calibrate:calibrate",
    work_on_part="helixnas.pipeline.work.calibrate:train_part",
    checks=("helixnas.pipeline.work.calibrate:check_images",),
    files=("calibration/block-*.parquet", "calibration/networks.json"),
)
