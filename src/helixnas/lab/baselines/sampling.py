"""Sampling of the networks that a step trains: one drawn uniformly (SPOS), or a strictly fair set (FairNAS).

Strict fairness is that of `helixnas.distill.sampling`, in every block at once: a step trains the fewest networks in
which every operation of a layer occurs equally often (with c operations in every layer, c networks with each once). Cells of
a block, which differ in depth and width, take turns from step to step, in random order, so that each is trained as often.
"""

import math

import numpy as np

from helixnas.distill import draw_paths
from helixnas.space import Architecture, Path, SearchSpace

UNIFORM_STREAM, TURNS_STREAM = 42, 43
"""Separate these draws from the other random numbers of a seed."""


def draw_uniformly(space: SearchSpace, *, seed: int, step: int) -> tuple[Architecture, ...]:
    """Return the one network that SPOS trains in a step, every network of the space equally likely."""
    return (space.sample(np.random.default_rng((seed, UNIFORM_STREAM, step))),)


def draw_fairly(space: SearchSpace, *, seed: int, step: int) -> tuple[Architecture, ...]:
    """Return the networks that FairNAS trains in a step: one cell per block, its operations in each layer equally often.

    >>> from helixnas.space import macro
    >>> len(draw_fairly(macro(depths=(1, 1, 1)), seed=0, step=0))
    3
    """
    drawn = [_paths(space, number, seed=seed, step=step) for number in range(1, len(space.blocks) + 1)]
    number = math.lcm(*(len(paths) for paths in drawn))
    return tuple(space.architecture(tuple(paths[i % len(paths)] for paths in drawn)) for i in range(number))


def _paths(space: SearchSpace, number: int, *, seed: int, step: int) -> list[Path]:
    cells = space.blocks[number - 1].cells
    turn, place = divmod(step, len(cells))
    index = int(np.random.default_rng((seed, TURNS_STREAM, number, turn)).permutation(len(cells))[place])
    width = space.previous_widths(number)[:1]  # the path before decides it, not this draw
    draws = draw_paths(cells[index], width, sampling="strict-fair", seed=seed, block=number, index=index, step=step)
    return [draw.path for draw in draws]
