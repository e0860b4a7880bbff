"""Batch sizes and epochs that fill the hours of a run, from forward passes of its networks on this machine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from helixnas.pipeline.estimate import Sketch
from helixnas.pipeline.hardware.machine import Machine
from helixnas.pipeline.memory.stages import needs_of
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.pipeline.stages.wording import num_steps
from helixnas.start.image_facts import ImageFacts

BATCH_SIZES = (128, 64, 32, 16)
MIN_STEPS = 8
"""Steps of an epoch, at least, which decide the batch size of few images."""

SHARES = {"teacher": 0.25, "distill": 0.35, "retrain": 0.3}
"""Share of the time that each training may take, relative to the others of the run."""

MOST_EPOCHS = {"teacher": 60, "distill": 20, "retrain": 100}
"""More epochs than these are rarely worth their time."""

RATING_SHARE = 0.1
"""Share of the time that rating may take, and stitching too."""

USED = 0.9
"""Share of the hours that is planned; the estimate leaves out reading images and writing files."""

MOST_STITCHED, FEWEST_STITCHED = 60, 10
"""Stitched networks; with fewer than the latter, the test of the scores says nothing and is left out."""

MOST_UNTRAINED, FEWEST_UNTRAINED = 100, 30
"""Untrained networks for the proxy; fewer than the latter are not worth fitting."""

LEAST_FAIR = 100
"""Fewest strictly fair steps, so that adapters and stems, which learn in every step, learn enough."""

MEMORY_SHARE = 0.5
"""Share of the free memory that a stage may take by its estimate, which leaves out the framework."""

LEAST_BATCH = 2
"""Smallest batch that is chosen for want of memory; batch norm needs two images."""

LEAST_TRAIN_SHARE = 0.02
LEAST_STEPS = 2
"""Least share of the images, and least steps of an epoch, that training uses."""


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """Numbers that follow from the number of images."""

    num_training: int
    """Images that training sees: those for rating and for the final accuracy held out."""

    num_rating: int
    rating_batch: int
    """A quarter of the rating images, so that scores have standard errors."""

    batch: int

    @staticmethod
    def of(images: ImageFacts) -> "Sizes":
        """Return the sizes for images."""
        left = images.num_images - images.num_held_out
        num_rating = max(16, min(2000, left // 6))
        training = left - num_rating
        batch = next((size for size in BATCH_SIZES if training // size >= MIN_STEPS), BATCH_SIZES[-1])
        return Sizes(
            num_training=training,
            num_rating=num_rating,
            rating_batch=max(2, min(250, num_rating // 4)),
            batch=min(batch, max(2, training)),
        )


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Epochs per training, the share of the images that is used, and the estimated seconds of each stage."""

    recipe: Recipe
    seconds: Mapping[str, float]

    @property
    def total(self) -> float:
        """Estimated seconds of the whole run."""
        return sum(self.seconds.values())


def with_fitting_batches(drawn: Sketch, recipe: Recipe, machine: Machine) -> tuple[Recipe, dict[str, int]]:
    """Return the recipe with the largest batches up to its own with which every stage is estimated to fit into the memory.

    Also returns the bytes of the stages that do not fit with the smallest batch, by name.
    """
    available, large = int(MEMORY_SHARE * machine.working_memory), dict[str, int]()
    for need in needs_of(drawn, recipe, {one.stage.name for one in plan(recipe.to_dict())}):
        batch = need.fitting(available, least=min(LEAST_BATCH, need.batch))
        if batch < need.batch:
            recipe = _with(recipe, need.setting.split("."), batch)
        if need.bytes.of(batch) > available:
            large[need.stage] = need.bytes.of(batch)
    return recipe, large


def _with(values: Any, names: Sequence[str], value: int) -> Any:
    """Return settings with one of them changed, which names lead to."""
    name, *rest = names
    return replace(values, **{name: _with(getattr(values, name), rest, value) if rest else value})


def schedule(recipe: Recipe, times: Callable[[Recipe], ForwardTimes], hours: float) -> Schedule:
    """Return the recipe with as many epochs as the hours allow, and its estimated seconds; `times` are those of a recipe.

    If even one epoch of each training takes longer, the trainings use a share of the images. Where strictly fair steps would be
    fewer than `LEAST_FAIR`, each trains one path instead, and there are more of them.
    """
    found = _filled(recipe, times(recipe), hours)
    distill, images = found.recipe.distill, found.recipe.expected_training_images
    if distill.sampling == "uniform" or num_steps(distill.num_epochs, distill.batch_size, images) >= LEAST_FAIR:
        return found
    simple = replace(recipe, distill=replace(recipe.distill, sampling="uniform"))
    return _filled(simple, times(simple), hours)


def _filled(recipe: Recipe, times: ForwardTimes, hours: float) -> Schedule:
    budget = USED * 3600 * hours
    checked = _with_stitching(recipe, times, RATING_SHARE * budget)
    one = _with_epochs(_with_proxies(checked, times, RATING_SHARE * budget), dict.fromkeys(SHARES, 1))
    seconds = _seconds(one, times)
    per_epoch = _by_training(seconds)
    left = budget - sum(seconds.get(name, 0.0) for name in ("proxies", "rate", "stitch"))
    wanted = {name: share for name, share in SHARES.items() if per_epoch[name] > 0}
    allowed = {name: max(left, budget / 2) * share / sum(wanted.values()) for name, share in wanted.items()}
    share = min([1.0, *(allowed[name] / taken for name, taken in per_epoch.items() if taken > 0)])
    if share < 1:
        least = max(LEAST_TRAIN_SHARE, LEAST_STEPS * _largest_batch(one) / max(1, one.expected_training_images))
        short = replace(
            one, data=replace(one.data, train_share=min(1.0, max(round(share, 3), round(least + 0.0005, 3))))
        )
        return Schedule(recipe=short, seconds=_seconds(short, times))
    epochs = {
        name: min(MOST_EPOCHS[name], max(1, int(allowed[name] / taken))) if taken > 0 else 1
        for name, taken in per_epoch.items()
    }
    full = _with_epochs(one, epochs)
    return Schedule(recipe=full, seconds=_seconds(full, times))


def _with_stitching(recipe: Recipe, times: ForwardTimes, budget: float) -> Recipe:
    """Return the recipe with as many stitched networks as this time allows."""
    config = recipe.stitching
    each = _seconds(recipe, times).get("stitch", 0.0) / max(1, config.num_architectures)
    number = min(MOST_STITCHED, int(budget / each)) if each > 0 else MOST_STITCHED
    return replace(recipe, stitching=replace(config, num_architectures=number if number >= FEWEST_STITCHED else 0))


def _with_proxies(recipe: Recipe, times: ForwardTimes, budget: float) -> Recipe:
    """Return the recipe with as many untrained networks as this time allows; without the proxy if they are too few."""
    config = recipe.proxies
    each = _seconds(recipe, times).get("proxies", 0.0) / max(1, config.num_networks)
    number = min(MOST_UNTRAINED, int(budget / each)) if each > 0 else MOST_UNTRAINED
    if number >= FEWEST_UNTRAINED:
        return replace(recipe, proxies=replace(config, num_networks=number))
    searches = {name: replace(one, scores=()) for name, one in recipe.searches.items()}
    return replace(recipe, proxies=replace(config, num_networks=0), scores=(), searches=searches)


def rating_fits(recipe: Recipe, times: ForwardTimes, hours: float) -> bool:
    """Return whether rating every path takes a small part of the time."""
    return _seconds(recipe, times).get("rate", 0.0) <= RATING_SHARE * 3600 * hours


def _largest_batch(recipe: Recipe) -> int:
    fits = [recipe.teacher_fit] if not recipe.teacher.weights else []
    fits += [] if recipe.retrain is None else [recipe.retrain.fit]
    return max(recipe.distill.batch_size, *(fit.batch_size for fit in fits), 1)


def _with_epochs(recipe: Recipe, epochs: Mapping[str, int]) -> Recipe:
    changed: dict[str, Any] = {"distill": replace(recipe.distill, num_epochs=epochs["distill"])}
    if "teacher" in epochs:
        changed["teacher_fit"] = _fit(recipe.teacher_fit, epochs["teacher"])
    if recipe.retrain is not None and "retrain" in epochs:
        changed["retrain"] = replace(recipe.retrain, fit=_fit(recipe.retrain.fit, epochs["retrain"]))
    return replace(recipe, **changed)


def _fit(fit: Any, epochs: int) -> Any:
    return replace(fit, num_epochs=epochs, warmup_epochs=min(fit.warmup_epochs, epochs / 5))


def _seconds(recipe: Recipe, times: ForwardTimes) -> dict[str, float]:
    found: dict[str, float] = {}
    for stage in plan(recipe.to_dict()):
        estimate: Callable[[Recipe, ForwardTimes], float] | None = stage.stage.seconds
        if estimate is not None and not (stage.stage.name == "teacher" and recipe.teacher.weights):
            found[stage.name] = estimate(recipe, times)
    return found


def _by_training(seconds: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds of teacher, distill and retrain (of all searches)."""
    found = dict.fromkeys(SHARES, 0.0)
    for name, taken in seconds.items():
        kind = name.partition(":")[0]
        kind = "retrain" if kind == "inherit" else kind
        if kind in found:
            found[kind] += taken
    return found
