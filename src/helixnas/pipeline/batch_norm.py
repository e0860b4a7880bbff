"""Check before a run that no batch gives batch norm a single value per channel: one image with features of 1 x 1 pixel.

Only networks that a stage gives one image at a time can fail, so only these are run, on the meta device.
"""

from collections.abc import Collection, Iterator

import numpy as np
import torch
from torch import Tensor

from helixnas.nn import without_values
from helixnas.pipeline.context import image_size
from helixnas.pipeline.estimate import Sketch, sketch
from helixnas.pipeline.recipe import Recipe
from helixnas.retrain import check_single_image, naming_single_value
from helixnas.zoo import HelixNet


def check_batch_norm(recipe: Recipe, stages: Collection[str], drawn: Sketch | None = None) -> None:
    """Raise `ConfigError` where a stage, by its name, gives batch norm a single value per channel.

    `drawn` are the networks of the recipe, where they are known already.
    """
    for settings in [settings for stage, settings in _single_images(recipe) if stage in stages]:
        if settings.startswith(("retrain", "calibration")):
            check_networks(recipe, settings)
            continue
        drawn = drawn or sketch(recipe)
        if settings.startswith("teacher_fit"):
            check_single_image(drawn.teacher.model, drawn.image_size, settings)
            continue
        with naming_single_value(settings), torch.device("meta"), torch.no_grad():
            image = torch.empty(1, 3, drawn.image_size, drawn.image_size)
            _run_cells(drawn, drawn.teacher.features(image))


def _single_images(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield the stages that give a network a single image, each with the settings that decide it."""
    fits = [] if recipe.teacher.weights else [("teacher", "teacher_fit", recipe.teacher_fit)]
    if recipe.calibration.num_networks:
        fits.append(("calibrate", "calibration.fit", recipe.calibration.fit))
    if recipe.retrain is not None:
        fits += [(stage, "retrain.fit", recipe.retrain.fit) for stage in ("retrain", "inherit")]
    for stage, section, fit in fits:
        if 1 in (fit.microbatch_size, fit.batch_size):
            yield stage, f"{section}.{'microbatch_size' if fit.microbatch_size == 1 else 'batch_size'}"
    if recipe.distill.batch_size == 1:
        yield "distill", "distill.batch_size"
    if recipe.data.num_rating == 1:
        yield "rate", "data.num_rating"
        if recipe.stitching.num_architectures:
            yield "stitch", "data.num_rating"


def _run_cells(drawn: Sketch, features: tuple[Tensor, ...]) -> None:
    """Run one path of every cell; all paths of a block have feature maps of the same sizes."""
    for block in drawn.supernet:
        for cell in block:
            cell(features[block.number - 1], next(iter(cell.cell.paths())), block.previous_widths[0])


def check_networks(recipe: Recipe, settings: str) -> None:
    """Raise `ConfigError`, which names `settings`, where networks of the space cannot be trained on single images."""
    network = recipe.search_space.sample(np.random.default_rng(0))
    with without_values():
        model = HelixNet(network)
    check_single_image(model, image_size(recipe), settings)
