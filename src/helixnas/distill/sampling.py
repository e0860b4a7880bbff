"""Sampling of the paths that a cell trains in a step: uniform single paths (the paper), or strictly fair sets of paths.

Uniform: in every layer one operation, drawn at random (Sec. 3.3). Strict fairness (FairNAS): the fewest paths in which
every operation of every layer occurs equally often, their gradients summed before one step. The previous width, which
selects the input adapter and the set of first-layer operations, is drawn like a layer's operation.
Draws depend on (seed, block, cell, step) alone, so a block trained alone draws what it would draw among the others.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from helixnas.distill.config import Sampling
from helixnas.space import Cell, Path


class Draw(NamedTuple):
    """One sampled path and the width it is fed from."""

    previous_width: int
    path: Path


def draw_paths(
    cell: Cell, previous_widths: Sequence[int], *, sampling: Sampling, seed: int, block: int, index: int, step: int
) -> tuple[Draw, ...]:
    """Return the paths that cell number `index` of a block trains in one step.

    >>> from helixnas.space import macro
    >>> cell = macro().blocks[0].cells[1]
    >>> [d.path.text for d in draw_paths(cell, (32,), sampling="uniform", seed=0, block=1, index=1, step=0)]
    ['64:mb6_k5,mb6_k5']
    """
    rng = np.random.default_rng((seed, block, index, step))
    if sampling == "uniform":
        width = previous_widths[int(rng.integers(len(previous_widths)))]
        return (Draw(width, cell.path_at([int(rng.integers(number)) for number in cell.choices])),)
    number = math.lcm(len(previous_widths), *cell.choices)
    widths = rng.permutation(np.resize(previous_widths, number)).tolist()
    layers = [rng.permutation(np.resize(np.arange(choices), number)).tolist() for choices in cell.choices]
    return tuple(Draw(widths[i], cell.path_at([layer[i] for layer in layers])) for i in range(number))
