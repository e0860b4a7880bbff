"""Parameters and multiply-adds of every path, counted once per operation in context and summed along the chain.

An operation in context is (operation, width received, width given, stride, size of the feature map): the module is
built on the meta device and counted exactly. `cost_table` counts a few dozen modules and fills in every path by
addition.
"""

from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import torch
from timm.layers import ConvNormAct
from torch import nn

from helixnas.artifacts import CostTable
from helixnas.nn import Place, build_operation, build_stage, count_macs, count_params
from helixnas.space import Cell, Operation, SearchSpace

Count = tuple[int, int]
"""Parameters and multiply-adds of one image."""


def cost_table(space: SearchSpace, *, image_size: int, num_classes: int, in_chans: int = 3) -> CostTable:
    """Count ``params`` and ``macs`` of every (block, previous width, path) of a space, the stem and the head included.

    Args:
        space: the search space.
        image_size: side of the square input in pixels.
        num_classes: outputs of the classifier.
        in_chans: channels of the image.
    """
    count = cache(_count_operation)
    stem, size = _count_stem(space, image_size, in_chans)
    rows: list[tuple[int, int, str, int]] = [(0, in_chans, "", space.stem_width)]
    counts: list[npt.NDArray[np.int64]] = [np.array([stem], dtype=np.int64)]
    for number, block in enumerate(space.blocks, start=1):
        for previous in space.previous_widths(number):
            for cell in block.cells:
                rows.extend((number, previous, path.text, cell.width) for path in cell.paths())
                counts.append(_cell_counts(cell, previous, block.stride, size, count))
        size = -(-size // block.stride)
    for width in space.blocks[-1].widths:
        rows.append((len(space.blocks) + 1, width, "", num_classes))
        counts.append(np.array([_count_head(space, width, size, num_classes)], dtype=np.int64))
    totals = np.concatenate(counts)
    blocks, previous, paths, widths = zip(*rows, strict=True)
    return CostTable(
        block=np.array(blocks, dtype=np.int64),
        previous_width=np.array(previous, dtype=np.int64),
        path=tuple(paths),
        width=np.array(widths, dtype=np.int64),
        resources={"params": totals[:, 0], "macs": totals[:, 1]},
        facts={"image_size": image_size, "num_classes": num_classes, "in_chans": in_chans},
    )


def _cell_counts(
    cell: Cell, previous: int, stride: int, size: int, count: Callable[..., Count]
) -> npt.NDArray[np.int64]:
    """Return (paths, 2): the sum over layers, in the order of `Cell.paths`."""
    total = np.zeros((1, 2), dtype=np.int64)
    for number, layer in enumerate(cell.layers):
        received, step = (previous, stride) if number == 0 else (cell.width, 1)
        own = np.array([count(operation, received, cell.width, step, size) for operation in layer], dtype=np.int64)
        total = (total[:, None, :] + own[None, :, :]).reshape(-1, 2)
        size = -(-size // step)
    return total


def _count_operation(operation: Operation, in_width: int, out_width: int, stride: int, size: int) -> Count:
    with torch.device("meta"):
        module = build_operation(operation, Place(in_width=in_width, out_width=out_width, stride=stride))
    return count_params(module), count_macs(module, (1, in_width, size, size))


def _count_stem(space: SearchSpace, image_size: int, in_chans: int) -> tuple[Count, int]:
    """Return the stem's cost and the size of the feature map it gives."""
    width, size, params, macs = in_chans, image_size, 0, 0
    for stage in space.stem:
        with torch.device("meta"):
            still = (0.0,) * stage.path.depth
            module = build_stage(width, stage, norm_layer=nn.BatchNorm2d, drop_path_rates=still)
        params += count_params(module)
        macs += count_macs(module, (1, width, size, size))
        width, size = stage.path.width, -(-size // stage.stride)
    return (params, macs), size


def _count_head(space: SearchSpace, width: int, size: int, num_classes: int) -> Count:
    features = space.head.width or width
    with torch.device("meta"):
        conv = ConvNormAct(width, features, 1) if space.head.width else nn.Identity()
        classifier = nn.Linear(features, num_classes) if num_classes else nn.Identity()
    params = count_params(conv) + count_params(classifier)
    return params, count_macs(conv, (1, width, size, size)) + count_macs(classifier, (1, features))
