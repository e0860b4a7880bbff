"""calibrate: networks trained shortly correct the scores of all paths, additively."""

from collections.abc import Mapping, Sequence
from typing import Any

from helixnas.calibration.config import CALIBRATED
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import Stage, Values
from helixnas.pipeline.stages.proxies import with_proxies
from helixnas.pipeline.stages.wording import fit_seconds, fit_text


def _settings(values: Values, search: str) -> Mapping[str, Any] | None:
    return {"calibration": values["calibration"]} if values["calibration"]["num_networks"] else None


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
