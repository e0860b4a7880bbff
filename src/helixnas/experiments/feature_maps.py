"""Feature maps of a network's blocks beside those of the teacher (Fig. 10)."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float

from helixnas.pipeline.context import Context
from helixnas.space import Architecture

NUM_IMAGES, NUM_CHANNELS = 3, 8
"""Rating images and channels that are shown."""


class BlockMaps(NamedTuple):
    """The same channels of one block's output for the same images."""

    block: int
    path: str
    teacher: Float[np.ndarray, "images channels height width"]
    student: Float[np.ndarray, "images channels height width"]


def feature_maps(context: Context, architecture: Architecture) -> list[BlockMaps]:
    """Return, per block, the channels in which the teacher's features vary most, with the student's estimates.

    Each block gets the teacher's Y_{k-1}, as in distillation and rating; batch norm uses the statistics of a rating batch.
    """
    rating, seed = context.data.rating, context.recipe.seed
    size = min(context.recipe.rating.batch_size, len(rating))
    images = next(iter(rating.batches(batch_size=size, seed=seed, augment=False, shuffle=True))).images
    found: list[BlockMaps] = []
    previous = context.space.stem_width
    with torch.no_grad(), context.runtime.autocast():
        features = context.teacher.features(context.runtime.images(images))
        for number, path in enumerate(architecture.paths, start=1):
            cell, target = context.supernet.block(number).cell_of(path), features[number].float()
            estimate = cell(features[number - 1], path, previous).float()
            chosen = target.var(dim=(0, 2, 3)).argsort(descending=True, stable=True)[:NUM_CHANNELS]
            shown = [each[:NUM_IMAGES, chosen].cpu().numpy() for each in (target, estimate)]
            found.append(BlockMaps(number, path.text, shown[0], shown[1]))
            previous = path.width
    return found
