"""The memory that every stage needs, by the batch that it works on. Trained networks count as the largest of the space."""

from collections.abc import Collection, Iterator
from functools import cache

import torch

from helixnas.engine.config import FitConfig
from helixnas.models.training_plan import memory_of
from helixnas.nn import count_all, count_params, saved_bytes, without_values
from helixnas.pipeline.estimate import Sketch
from helixnas.pipeline.memory.distillation import EAGER, FLOAT, distill_bytes, teacher_graph_bytes, teacher_pass_bytes
from helixnas.pipeline.memory.need import Bytes, Need
from helixnas.pipeline.recipe import Recipe
from helixnas.proxies.config import NASWOT
from helixnas.space.extremes import largest_of
from helixnas.supernet import CellModule, SupernetBlock
from helixnas.zoo import HelixNet


def needs_of(drawn: Sketch, recipe: Recipe, stages: Collection[str]) -> list[Need]:
    """Return the memory of those of the named stages that work on batches of images, in the order of a run.

    Counted are float32 weights, gradients, optimizer and feature maps; not the framework, nor what kernels need beside.
    """
    return [need for need in _needs(drawn, recipe) if need.stage in stages]


def _needs(drawn: Sketch, recipe: Recipe) -> Iterator[Need]:
    one = cache(lambda: _Network(drawn))
    is_joint, teacher = recipe.distill.is_self_supervised, count_params(drawn.teacher.model)
    if not recipe.teacher.weights and not is_joint:
        graph = teacher_graph_bytes(drawn)
        yield _training("teacher", "teacher_fit", recipe.teacher_fit, params=teacher, saved=graph)
    yield Need(
        stage="distill",
        setting="distill.batch_size",
        batch=recipe.distill.batch_size,
        bytes=distill_bytes(drawn, recipe),
    )
    weights, whole = FLOAT * (teacher + count_params(drawn.supernet)), teacher_pass_bytes(drawn)
    rated = min(recipe.rating.batch_size, recipe.data.num_rating)
    yield Need(
        stage="rate", setting="rating.batch_size", batch=rated, bytes=Bytes(weights, whole + _rating_bytes(drawn))
    )
    if recipe.proxies.num_networks:
        is_forward = set(recipe.proxies.scores) <= {NASWOT}  # which copies the responses of a layer twice
        kept = 2 * one().inference if is_forward else one().training
        yield Need(
            stage="proxies",
            setting="proxies.batch_size",
            batch=recipe.proxies.batch_size,
            bytes=Bytes(one().weights, kept),
        )
    if recipe.stitching.num_architectures:
        batch = min(recipe.stitching.batch_size, recipe.stitching.num_images)
        yield Need(
            stage="stitch", setting="stitching.batch_size", batch=batch, bytes=Bytes(weights, whole + one().inference)
        )
    fits = [("calibrate", "calibration.fit", recipe.calibration.fit)] if recipe.calibration.num_networks else []
    if recipe.retrain is not None:
        stage = "inherit" if recipe.retrain.init == "inherited" else "retrain"
        fits.append((stage, "retrain.fit", recipe.retrain.fit))
    for stage, section, fit in fits:
        yield _training(stage, section, fit, params=one().params, saved=one().training)


class _Network:
    """The largest network of the space on the meta device."""

    def __init__(self, drawn: Sketch) -> None:
        with without_values():
            model = HelixNet(largest_of(drawn.space), num_classes=drawn.num_classes)
        shape = (3, drawn.image_size, drawn.image_size)
        self.params = count_params(model)
        self.inference = EAGER * count_all(model, (1, *shape)).activation_bytes
        self.training = saved_bytes(model, (2, *shape)) // 2

    @property
    def weights(self) -> int:
        """Bytes of the parameters and their gradients."""
        return 2 * FLOAT * self.params


def _training(stage: str, section: str, fit: FitConfig, *, params: int, saved: int) -> Need:
    """Return the need of a training of all parameters, of which an image leaves `saved` bytes for the backward pass."""
    part = "microbatch_size" if fit.microbatch_size else "batch_size"
    batch = fit.microbatch_size or fit.batch_size
    fixed = memory_of(params, params, fit, 0)
    return Need(stage=stage, setting=f"{section}.{part}", batch=batch, bytes=Bytes(fixed, saved))


def _rating_bytes(drawn: Sketch) -> int:
    """Return the bytes per image beside a pass of the teacher: its features, and the outputs of the prefix that is rated."""
    with torch.no_grad():
        images = torch.empty(1, 3, drawn.image_size, drawn.image_size, device="meta")
        features = drawn.teacher.features(images)
    trees = [
        _prefix_bytes(_largest(block), tuple(features[block.number - 1].shape), block.previous_widths[-1])
        for block in drawn.supernet
    ]
    return FLOAT * sum(each.numel() for each in (images, *features)) + max(trees)


def _largest(block: SupernetBlock) -> CellModule:
    return max(block, key=lambda each: each.cell.depth * each.cell.width)


def _prefix_bytes(cell: CellModule, shape: tuple[int, ...], previous_width: int) -> int:
    """Return the bytes of all outputs along the path of last operations, and of the largest operation while it computes."""
    kept, working = 0, 0
    path = cell.cell.path_at([number - 1 for number in cell.cell.choices])
    layers = [cell.operation(layer, each.name, previous_width) for layer, each in enumerate(path.operations)]
    for module in (cell.entry(previous_width), *layers):
        working = max(working, EAGER * count_all(module, shape).activation_bytes)
        with torch.no_grad():
            output = module(torch.empty(shape, device="meta"))
        kept, shape = kept + FLOAT * output.numel(), tuple(output.shape)
    return kept + working
