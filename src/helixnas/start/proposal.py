"""A recipe from a teacher, images and limits: look at each, fit a space and a schedule, check. Read this first."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from helixnas.artifacts.run_folder import RunFolder
from helixnas.costs.config import CostsConfig
from helixnas.costs.latency import measure_network
from helixnas.costs.parts import Input
from helixnas.data.config import DataConfig
from helixnas.engine.timing import duration
from helixnas.nn.extensions import import_modules
from helixnas.pipeline.estimate import forward_times, sketch
from helixnas.pipeline.hardware.machine import Machine, this_machine
from helixnas.pipeline.memory.need import TITLES
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.pipeline.work.early_budgets import check_early
from helixnas.proxies.config import NASWOT
from helixnas.rating.config import RELATIVE_L1
from helixnas.settings import build
from helixnas.start.fitting import Fitted, Latency, fit_space, loose_limits
from helixnas.start.image_facts import ImageFacts, look_at_images
from helixnas.start.request import Request
from helixnas.start.schedule import MOST_UNTRAINED, Schedule, Sizes, rating_fits, schedule, with_fitting_batches
from helixnas.start.spaces import NUM_CHOICES, definition
from helixnas.start.teacher_facts import TeacherFacts, look_at_teacher
from helixnas.zoo import require_known_model

SEARCH = "mine"
"""Name of the search under the wanted limits."""

OF_SUPERNET = {"distill", "rate", "stitch"}
"""Stages that hold the whole supernet in memory."""

QUICK_ROUNDS = 5
SMALL_SIDE = 64
"""Short side in pixels up to which images are varied by shifts and flips, larger ones as in training on ImageNet."""


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """A recipe that runs, and the facts behind it."""

    request: Request
    teacher: TeacherFacts
    images: ImageFacts
    machine: Machine
    fitted: Fitted
    schedule: Schedule

    @property
    def recipe(self) -> Recipe:
        """The recipe."""
        return self.schedule.recipe

    @property
    def values(self) -> dict[str, Any]:
        """The recipe as plain values, with the space as it was defined."""
        return {**asdict(self.recipe), "space": self.recipe.space}


def propose(request: Request, say: Callable[[str], None] = lambda text: None) -> Proposal:
    """Return a recipe for a teacher, images and limits; `say` reports what was found.

    Its limits can be met: the check is that of the run itself.

    Raises:
        DataError: the images cannot be opened.
        TeacherError: the teacher cannot be cut.
        InfeasibleBudgetError: no space for this teacher meets the limits.
        ConfigError: an answer is missing or contradicts another, or the limits bind no network.
    """
    import_modules(request.imports)
    require_known_model(request.teacher)
    machine = this_machine()
    say(f"machine: {machine}")
    images = look_at_images(request.images)
    say(f"images: {images}")
    for warning in images.warnings:
        say(f"warning: {warning}")
    teacher = look_at_teacher(request, images_side=images.side, num_classes=images.num_classes)
    say(
        f"teacher: {request.teacher} at {teacher.image_size} pixels, {teacher.costs['macs'] / 1e6:,.1f} M multiply-adds"
    )
    for text in teacher.cuts:
        say(f"teacher: {text}")
    costs = _costs(request, machine)
    meter = _meter(teacher, costs) if request.limits_latency else None
    fitted = fit_space(teacher, request.max, meter)
    recipe = build(Recipe, _values(request, teacher, images, fitted.definition, costs), where="the fitted recipe")
    check_early(recipe, RunFolder(Path(request.name)), num_classes=teacher.num_classes)
    recipe, times_of = _with_choices(recipe, teacher, fitted, machine, request.hours, say)
    if isinstance(recipe.space, Mapping):
        fitted = replace(fitted, definition=dict(recipe.space))
    for text in loose_limits(fitted.definition, teacher, request.max, meter):
        say(f"warning: {text}")
    space = recipe.search_space
    say(f"space: {space.size:,} {teacher.kind} networks in {len(space.blocks)} blocks")
    planned = schedule(recipe, times_of, request.hours)
    say(f"estimated time on this machine: {duration(planned.total)}")
    if planned.total > 3600 * request.hours:
        say(f"warning: that is more than the {request.hours:g} hours given, even with one epoch of few images")
    return Proposal(request=request, teacher=teacher, images=images, machine=machine, fitted=fitted, schedule=planned)


def _with_choices(
    recipe: Recipe,
    teacher: TeacherFacts,
    fitted: Fitted,
    machine: Machine,
    hours: float,
    say: Callable[[str], None],
) -> tuple[Recipe, Callable[[Recipe], ForwardTimes]]:
    """Return the recipe with as many operations as can be rated in the time, and what fits the memory.

    Batches are as large as fits; where the weights of all cells do not, the cells of vision transformers share them by slicing.
    """
    found: list[tuple[Recipe, Callable[[Recipe], ForwardTimes], dict[str, int]]] = []
    for choices in range(NUM_CHOICES):
        space = definition(teacher, share=fitted.share, depth=fitted.depth, choices=choices)
        for slimmable in (False, True) if teacher.kind == "vit" else (False,):
            trial = replace(recipe, space=space, supernet=replace(recipe.supernet, slimmable=slimmable))
            drawn = sketch(trial, teacher.num_classes)
            trial, large = with_fitting_batches(drawn, trial, machine)
            found.append((trial, partial(forward_times, drawn), large))
            if not large.keys() & OF_SUPERNET:
                break
        trial, times_of, large = found[-1]
        if not large.keys() & OF_SUPERNET and rating_fits(trial, times_of(trial), hours):
            break
    trial, times_of, large = next((each for each in found[::-1] if not each[2].keys() & OF_SUPERNET), found[-1])
    for stage, needed in large.items():
        say(
            f"warning: {TITLES[stage]} may need {needed / 2**30:.0f} GiB of memory even with the smallest batch, of "
            f"{machine.working_memory / 2**30:.0f} GiB that are free; a lower limit or a smaller teacher needs less"
        )
    return trial, times_of


def _costs(request: Request, machine: Machine) -> CostsConfig:
    """Return how latency is measured, if it is limited: on the device that the user named, else as networks are used."""
    if not request.limits_latency:
        return CostsConfig()
    runtime = request.latency_runtime
    if not runtime:
        has_onnx = find_spec("onnxruntime") is not None and find_spec("onnx") is not None
        runtime = "pytorch-eager-cuda" if machine.gpu else "onnxruntime-cpu" if has_onnx else "pytorch-eager"
    return CostsConfig(latency=runtime)


def _meter(teacher: TeacherFacts, costs: CostsConfig) -> Latency:
    given = Input(image_size=teacher.image_size, num_classes=teacher.num_classes)
    quick = replace(costs, num_rounds=QUICK_ROUNDS)
    return lambda network: measure_network(network, given, quick)


def _values(
    request: Request, teacher: TeacherFacts, images: ImageFacts, space: dict[str, Any], costs: CostsConfig
) -> dict[str, Any]:
    """Return the recipe as plain values, with one epoch of each training."""
    labels = images.num_classes > 0
    data = request.images
    sizes = Sizes.of(images)
    is_vit = teacher.kind == "vit"
    fit: dict[str, Any] = {"num_epochs": 1, "batch_size": sizes.batch, "lr": 0.002 if is_vit else 0.004}
    values: dict[str, Any] = {
        "name": request.name,
        "description": f"{request.teacher} teaches {teacher.kind} networks on {request.data}.",
        "seed": request.seed,
        "imports": list(request.imports),
        "expected_images": images.num_images - images.num_held_out,
        "runtime": {"precision": "auto"},
        "data": _data(request, data, teacher, images, sizes),
        "teacher": {
            "model": request.teacher,
            "weights": teacher.config.weights,
            "model_args": dict(teacher.config.model_args),
            "boundaries": list(teacher.config.boundaries),
        },
        "space": space,
        "costs": {"latency": costs.latency},
        "distill": {
            "num_epochs": 1,
            "batch_size": sizes.batch,
            "first_block_lr": 0.002,
            "lr": 0.002 if is_vit else 0.005,
            "sampling": "strict-fair",
            "features": "standardized",
        },
        "rating": {"batch_size": sizes.rating_batch, "scores": list(dict.fromkeys((teacher.score, RELATIVE_L1)))},
        "proxies": {"num_networks": MOST_UNTRAINED, "batch_size": min(32, sizes.num_training)},
        "scores": [teacher.score, NASWOT],
        "stitching": {
            "num_architectures": 60,
            "num_images": min(200, sizes.num_rating),
            "batch_size": max(2, min(100, sizes.num_rating // 2)),
        },
        "searches": {SEARCH: {"max": dict(request.max)}},
        "retrain": {"fit": {**fit, "label_smoothing": 0.1}} if labels else None,
    }
    if not teacher.config.weights:
        values["teacher_fit"] = dict(fit)
    return values


def _data(
    request: Request, data: DataConfig, teacher: TeacherFacts, images: ImageFacts, sizes: Sizes
) -> dict[str, Any]:
    augmentation = "shift" if data.name == "digits" else "flip-crop" if images.side <= SMALL_SIDE else "imagenet"
    workers = 0 if images.side <= SMALL_SIDE else max(0, min(8, this_machine().num_cores))
    where = {"name": data.name, "root": data.root, "download": data.download}
    return {
        **{name: value for name, value in where.items() if value},
        "labels": images.num_classes > 0,
        "image_size": teacher.image_size,
        "augmentation": augmentation,
        "num_rating": sizes.num_rating,
        "num_workers": workers,
    }
