"""distill: train every block of the supernet on the teacher's features (Eq. 5 and 6)."""

from collections.abc import Mapping
from typing import Any

from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes, Stage, Values
from helixnas.pipeline.stages.wording import BACKWARD, distill_text, num_steps


def _seconds(recipe: Recipe, times: ForwardTimes) -> float:
    config = recipe.distill
    steps = num_steps(config.num_epochs, config.batch_size, recipe.expected_training_images, stop_at=config.stop_at)
    if config.is_self_supervised:  # two views, and both sides learn
        return steps * config.batch_size * 2 * (1 + BACKWARD) * (times.teacher + times.supernet)
    shown = steps * config.batch_size
    taught = min(shown, config.feature_cache * recipe.expected_training_images) if config.feature_cache else shown
    return taught * times.teacher + shown * (1 + BACKWARD) * times.supernet


NOT_OF_LARS = ("lr", "first_block_lr", "lr_schedule", "lr_decay", "weight_decay")
"""Settings that the optimizer LARS replaces by its own."""


def _settings(values: Values, search: str) -> Mapping[str, Any]:
    """Return the settings without those of another optimizer or objective or of no cache, which do not count.

    Limits of collapse do not either: they only end a training, and lower ones continue it.
    """
    own = dict(values["distill"])
    own.pop("collapse")
    if own["objective"] == "features":
        for name in ("objective", "projector", "vicreg"):
            own.pop(name)
    if own["num_moments"] == 1:
        own.pop("num_moments")
    if not own["feature_cache"]:
        own.pop("feature_cache")
    for name in NOT_OF_LARS if own["optimizer"] == "lars" else ("lars",):
        own.pop(name)
    return {"supernet": values["supernet"], "distill": own}


DISTILL = Stage(
    name="distill",
    verb="distill",
    purpose="train the supernet on the teacher's features",
    settings=_settings,
    upstream=lambda values, search: ("teacher",),
    describe=lambda recipe, search: distill_text(recipe.distill, recipe.expected_training_images),
    seconds=_seconds,
    work="helixnas.pipeline.work.distill:distill",
    work_on_part="helixnas.pipeline.work.distill:distill_part",
    checks=(
        "helixnas.pipeline.work.distill:check_images",
        "helixnas.pipeline.work.early_budgets:check_before_teacher",
    ),
    check_before="helixnas.pipeline.work.distill:check_searches",
    files=("supernet/*", "supernet/teacher/*", "supernet/moment-*/*", "history/distill*.parquet"),
    first=("costs", "latency"),  # a budget that cannot be met is reported before the long training
)
