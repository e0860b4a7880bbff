"""Sampling of the paths that a cell trains in a step: uniform single paths (the paper), or strictly fair sets of paths.

Uniform: in every layer one operation, drawn at random (Sec. 3.3). Strict fairness (FairNAS): the fewest paths in which
every operation of every layer occurs equally often, their gradients summed before one step. The previous width, which
selects the input adapter and the set of first-layer operations, is drawn like a layer's operation.

In slimmable cells the width is drawn too: uniform and strict fairness treat it like a layer's operation. Sandwich (Yu and
Huang, 2019) takes the largest path, the smallest and a few at random, since the errors of all others should lie between theirs.

Draws depend on (seed, block, cell, step) alone, so a block trained alone draws what it would draw among the others.
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from helixnas.distill.config import DistillConfig, Sampling
from helixnas.space import Cell, Path
from helixnas.space.slicing import largest_path, smallest_path


class Draw(NamedTuple):
    """One sampled path and the width it is fed from."""

    previous_width: int
    path: Path
    suffix: bool = False
    """Whether the last channels of shared weights are used, not the first."""

    @property
    def arguments(self) -> tuple[Path, int] | tuple[Path, int, bool]:
        """What a unit's forward takes after the features; the end of the slice only where it is not the usual one."""
        return (self.path, self.previous_width, True) if self.suffix else (self.path, self.previous_width)


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
        return (_at_random(cell, previous_widths, rng),)
    number = math.lcm(len(previous_widths), *cell.choices)
    widths = rng.permutation(np.resize(previous_widths, number)).tolist()
    layers = [rng.permutation(np.resize(np.arange(choices), number)).tolist() for choices in cell.choices]
    return tuple(Draw(widths[i], cell.path_at([layer[i] for layer in layers])) for i in range(number))


def draw_slices(
    cells: Sequence[Cell],
    previous_widths: Sequence[int],
    *,
    sampling: Sampling,
    num_random: int,
    two_sided: bool,
    seed: int,
    block: int,
    index: int,
    step: int,
) -> tuple[Draw, ...]:
    """Return the paths that cells which share weights train in one step; `index` is the unit's number in its block.

    `num_random` counts the random paths of sandwich. With `two_sided`, half of the slices are suffixes.

    >>> from helixnas.space import vit
    >>> cells = vit(layers=(3,)).blocks[1].cells
    >>> common = dict(num_random=0, two_sided=False, seed=0, block=2, index=0, step=0)
    >>> [draw.path.text for draw in draw_slices(cells, (224, 448), sampling="sandwich", **common)]
    ['448:attn_r4,attn_r4,attn_r4', '224:attn_r2_5,attn_r2_5,attn_r2_5']
    """
    rng = np.random.default_rng((seed, block, index, step))
    if sampling == "strict-fair":
        draws = _fair_slices(cells, previous_widths, rng)
    else:
        number = num_random if sampling == "sandwich" else 1
        draws = [_at_random(cells[int(rng.integers(len(cells)))], previous_widths, rng) for _ in range(number)]
    if sampling == "sandwich":
        widest, narrowest = (choose(cells, key=lambda cell: cell.width) for choose in (max, min))
        largest, smallest = largest_path(widest), smallest_path(narrowest)
        draws = [Draw(max(previous_widths), largest), Draw(min(previous_widths), smallest), *draws]
    if two_sided:
        draws = [draw._replace(suffix=bool(rng.integers(2))) for draw in draws]
    return tuple(draws)


def num_draws(cells: Sequence[Cell], previous_widths: Sequence[int], config: DistillConfig, *, slimmable: bool) -> int:
    """Return the paths of a step of cells that draw together: those that share weights if `slimmable`, else a single one.

    >>> from helixnas.space import macro
    >>> [
    ...     num_draws(macro().blocks[0].cells[1:], (32,), DistillConfig(sampling=sampling), slimmable=False)
    ...     for sampling in ("uniform", "strict-fair")
    ... ]
    [1, 6]
    """
    if config.sampling == "uniform":
        return 1
    where: dict[str, Any] = {"sampling": config.sampling, "seed": 0, "block": 1, "index": 0, "step": 0}
    if slimmable:
        return len(draw_slices(cells, previous_widths, num_random=config.num_random, two_sided=False, **where))
    return len(draw_paths(cells[0], previous_widths, **where))


def _at_random(cell: Cell, previous_widths: Sequence[int], rng: np.random.Generator) -> Draw:
    width = previous_widths[int(rng.integers(len(previous_widths)))]
    return Draw(width, cell.path_at([int(rng.integers(number)) for number in cell.choices]))


def _fair_slices(cells: Sequence[Cell], previous_widths: Sequence[int], rng: np.random.Generator) -> list[Draw]:
    """Return the fewest paths in which every previous width, cell, and operation of every layer occur equally often."""
    choices = [[cell.choices[layer] for cell in cells] for layer in range(cells[0].depth)]
    number = math.lcm(len(previous_widths), len(cells), *(count for layer in choices for count in layer))
    widths = rng.permutation(np.resize(previous_widths, number)).tolist()
    drawn = rng.permutation(np.resize(np.arange(len(cells)), number)).tolist()
    shares = [rng.permutation(np.arange(number)).tolist() for _ in choices]
    return [
        Draw(
            widths[i],
            cells[each].path_at([share[i] % count for share, count in zip(shares, cells[each].choices, strict=True)]),
        )
        for i, each in enumerate(drawn)
    ]
