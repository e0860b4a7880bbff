"""Sharing: which settings several processes need to share a stage, and what they say when they do."""

from collections.abc import Collection, Iterator

from helixnas.engine.config import FitConfig
from helixnas.engine.distributed.parallel import DataParallel
from helixnas.engine.progress import Reporter
from helixnas.pipeline.recipe import Recipe

TRAINING = "train together, each on its part of every batch"
RATING = "rate together, each its part of the paths"


def say_shared(reporter: Reporter, place: DataParallel | None, how: str) -> None:
    """Say how processes share what follows, unless this one is alone."""
    if place is not None:
        reporter.say(f"{place.size} processes {how}")


def check_batches(recipe: Recipe, stages: Collection[str], place: DataParallel | None) -> None:
    """Raise `ConfigError` where processes cannot share the batches of a stage, by its name, equally."""
    for stage, setting, size in _batches(recipe):
        if place is not None and stage in stages:
            place.check(size, setting)


def _batches(recipe: Recipe) -> Iterator[tuple[str, str, int]]:
    """Yield the stages that are trained in shared batches, each with the setting of its batches and their size."""
    fits: list[tuple[str, str, FitConfig]] = []
    if not recipe.teacher.weights and not recipe.distill.is_self_supervised:
        fits.append(("teacher", "teacher_fit", recipe.teacher_fit))
    if recipe.retrain is not None:
        fits += [(stage, "retrain.fit", recipe.retrain.fit) for stage in ("retrain", "inherit")]
    for stage, section, fit in fits:
        yield (
            stage,
            f"{section}.{'microbatch_size' if fit.microbatch_size else 'batch_size'}",
            (fit.microbatch_size or fit.batch_size),
        )
    yield "distill", "distill.batch_size", recipe.distill.batch_size
