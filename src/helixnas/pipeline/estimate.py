"""Estimates for the dry run: sizes, multiply-adds and time of a recipe, without data, weights or training."""

import statistics
import time
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from torch import nn

from helixnas.artifacts import CostTable
from helixnas.costs import cost_table
from helixnas.engine import Runtime
from helixnas.engine.runtime import wait_for
from helixnas.nn import without_values
from helixnas.nn.counting import count_macs, meta_copy
from helixnas.pipeline.bridges import check_scores
from helixnas.pipeline.context import fitting_teacher, image_size, import_extensions
from helixnas.pipeline.hardware.devices import Device
from helixnas.pipeline.hardware.macs import block_costs, cell_macs, group_macs
from helixnas.pipeline.hardware.roofline import operations_of
from helixnas.pipeline.hardware.roofline import seconds_per_image as roofline_seconds
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.space import SearchSpace
from helixnas.supernet import Supernet, build_supernet
from helixnas.teacher import Teacher, count_teacher, sketch_costs, sketch_teacher
from helixnas.zoo import HelixNet

SECONDS_OF_PROBE = 0.5
"""Time for which each network is run, at least, to measure the machine's speed."""

BATCH_MACS = 10**9
"""Multiply-adds of a batch of that measurement, at most, where an image does not need more."""


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """A recipe's networks on the meta device: all sizes, no weights."""

    space: SearchSpace
    teacher: Teacher
    supernet: Supernet
    image_size: int
    num_classes: int
    """Outputs of the searched networks."""

    @property
    def costs(self) -> CostTable:
        """What every path costs; counted once for a space, which generations share."""
        return _costs(self.space, self.image_size, self.num_classes)


@lru_cache(maxsize=2)
def _costs(space: SearchSpace, image_size: int, num_classes: int) -> CostTable:
    return cost_table(space, image_size=image_size, num_classes=num_classes)


def sketch(recipe: Recipe, num_classes: int | None = None) -> Sketch:
    """Build the networks of a recipe on the meta device, for so many classes of the images, or for the teacher's own.

    Raises the errors of a real run.
    """
    teacher, space = sketch_teacher_of(recipe, num_classes), recipe.search_space
    if recipe.supernet.init == "teacher":
        fitting_teacher(recipe, teacher)
    check_scores(teacher, space.strides, recipe.rating.scores)
    with without_values():
        supernet = build_supernet(
            space,
            teacher.widths,
            config=recipe.supernet,
            seed=recipe.seed,
            teacher_grids=teacher.feature_sizes,
            input_size=teacher.input_size,
        )
    return Sketch(
        space=space,
        teacher=teacher,
        supernet=supernet,
        image_size=image_size(recipe),
        num_classes=num_classes or teacher.num_classes,
    )


def sketch_teacher_of(recipe: Recipe, num_classes: int | None = None) -> Teacher:
    """Build the teacher of a recipe alone, as `sketch` does."""
    import_extensions(recipe)
    size = image_size(recipe)
    return sketch_teacher(
        recipe.built_teacher, strides=recipe.search_space.strides, num_classes=num_classes, input_size=(size, size)
    )


def costs_of_teacher(recipe: Recipe, *, num_classes: int | None, image_size: int) -> tuple[dict[str, int], int]:
    """Return what the teacher of a recipe costs for an image of this size, and its number of outputs, without cutting it."""
    import_extensions(recipe)
    return sketch_costs(recipe.built_teacher, num_classes=num_classes, image_size=image_size)


def forward_macs(drawn: Sketch, recipe: Recipe) -> ForwardTimes:
    """Return what `forward_times` measures in multiply-adds instead of seconds, by block too."""
    table = drawn.costs
    macs, last = table.resource("macs"), len(drawn.space.blocks) + 1
    network = sum(float(macs[table.rows(number)].mean()) for number in range(last + 1))
    teacher = float(count_teacher(drawn.teacher, drawn.image_size)["macs"])
    blocks: list[ForwardTimes] = []
    for number, block in enumerate(drawn.space.blocks, start=1):
        cells = cell_macs(block, block_costs(table, number))
        trained, rated = sum(group_macs(recipe, number, cells).values()), sum(cell.rated for cell in cells)
        blocks.append(ForwardTimes(teacher=teacher, network=network, supernet=trained, rating=rated))
    return ForwardTimes(
        teacher=teacher,
        network=network,
        supernet=sum(each.supernet for each in blocks),
        rating=sum(each.rating for each in blocks),
        of_blocks=tuple(blocks),
    )


def forward_times(drawn: Sketch, recipe: Recipe) -> ForwardTimes:
    """Measure the teacher and a random network of the space on this machine; other paths follow by their multiply-adds."""
    runtime, macs = Runtime(replace(recipe.runtime, compile=False, cuda_graphs=False)), forward_macs(drawn, recipe)
    student, student_macs = typical_student(drawn, recipe)
    size, teacher_macs = drawn.image_size, int(macs.teacher)
    teacher = drawn.teacher.model.to_empty(device="cpu")
    per_mac = seconds_per_image(student, size, student_macs, runtime) / student_macs
    return macs.scaled(seconds_per_image(teacher, size, teacher_macs, runtime) / teacher_macs, per_mac)


def roofline_times(drawn: Sketch, recipe: Recipe, device: Device) -> ForwardTimes:
    """Return the times on a device that is not here, all of its roofline reached, with the batch size of distillation."""
    macs, precision, batch = forward_macs(drawn, recipe), recipe.runtime.precision, recipe.distill.batch_size
    student, student_macs = typical_student(drawn, recipe)

    def per_mac(model: nn.Module, macs: float | int) -> float:
        works = operations_of(model, drawn.image_size)
        return roofline_seconds(works, device, precision=precision, batch_size=batch) / macs

    return macs.scaled(per_mac(drawn.teacher.model, macs.teacher), per_mac(student, student_macs))


def typical_student(drawn: Sketch, recipe: Recipe) -> tuple[HelixNet, int]:
    """Return a random network of the space with its multiply-adds."""
    architecture = drawn.space.sample(np.random.default_rng(recipe.seed))
    student = HelixNet(architecture, num_classes=drawn.num_classes)
    return student, count_macs(meta_copy(student), (1, 3, drawn.image_size, drawn.image_size))


def seconds_per_image(model: nn.Module, size: int, macs: int, runtime: Runtime) -> float:
    """Return the seconds of a forward pass per image, the median of several calls; weights may be anything."""
    model = runtime.place(model.eval())
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data.uniform_(0.01, 0.02)  # denormal numbers of uninitialised memory would be slow
        else:
            tensor.data.zero_()  # indices of uninitialised memory would be out of bounds
    images = runtime.images(torch.rand(min(32, max(1, BATCH_MACS // macs)), 3, size, size))

    def call() -> float:
        start = time.perf_counter()
        model(images)
        wait_for(runtime.device)
        return time.perf_counter() - start

    with torch.inference_mode(), runtime.autocast():
        seconds = [call()]
        if seconds[0] < SECONDS_OF_PROBE:  # else choosing kernels, which the first call does too, counts little
            seconds = [call()]
            while sum(seconds) < SECONDS_OF_PROBE:
                seconds.append(call())
    return statistics.median(seconds) / len(images)
