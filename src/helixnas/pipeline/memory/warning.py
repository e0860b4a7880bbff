"""Warnings before a run about stages that may need more memory than is free: a system ends such a process without a word."""

from collections.abc import Collection

from helixnas.data.readers import count_classes
from helixnas.pipeline.context import image_size
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.hardware.machine import this_machine
from helixnas.pipeline.memory.need import TITLES, Need
from helixnas.pipeline.memory.stages import needs_of
from helixnas.pipeline.recipe import Recipe

BYTES_PER_PIXEL = 32 * 1024
"""More than the recipes that come with HelixNAS need per pixel of a batch; where so much is free, nothing is counted."""


def memory_warnings(recipe: Recipe, stages: Collection[str]) -> tuple[str, ...]:
    """Return a warning for each of the named stages that is estimated to need more memory than is free now.

    Images are not opened, and nothing is counted where no named stage works on batches.
    """
    if not TITLES.keys() & set(stages):
        return ()
    machine = this_machine()
    free = machine.memory if recipe.runtime.device == "cpu" else machine.working_memory
    if _largest_batch(recipe) * image_size(recipe) ** 2 * BYTES_PER_PIXEL <= free:
        return ()
    drawn = sketch(recipe, count_classes(recipe.data))
    return tuple(_text(need, free) for need in needs_of(drawn, recipe, stages) if need.total > free)


def _largest_batch(recipe: Recipe) -> int:
    fits = [] if recipe.retrain is None else [recipe.retrain.fit]
    return max(
        recipe.distill.batch_size,
        recipe.rating.batch_size,
        recipe.stitching.batch_size,
        *(fit.microbatch_size or fit.batch_size for fit in (recipe.teacher_fit, *fits)),
    )


def _text(need: Need, free: int) -> str:
    batch = need.fitting(free)
    fits = need.bytes.of(batch) <= free
    setting = need.setting
    if fits and setting.endswith("fit.batch_size") and need.batch % batch == 0:
        setting = setting.replace(".batch_size", ".microbatch_size")  # the same training, in parts
    advice = (
        f"set {setting}={batch}" if fits else "a single image is too much: choose a smaller data.image_size or teacher"
    )
    return (
        f"{TITLES[need.stage]} may need about {need.total / 2**30:.1f} GiB of memory at {need.setting}={need.batch}, but "
        f"{free / 2**30:.1f} GiB are free, and a system may end a process that takes more; {advice}"
    )
