"""The parts of a benchmark on which rankings are judged.

Ranking a whole space is easy, because the worst networks differ a lot. A search chooses among the top decile and the
networks of full depth, where the noise of training is large relative to the differences. Among networks of equal size, size
says nothing.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from helixnas.lab.benchmark import Benchmark
from helixnas.space import Architecture, SearchSpace

LEAST = 10
"""Smallest number of different networks for a useful ranking."""


MIDDLE = (0.45, 0.55)
"""Quantiles of multiply-adds between which networks count as equally large."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subset:
    """Some rows of a benchmark, and what they have in common, in words."""

    name: str
    meaning: str
    rows: npt.NDArray[np.int64]


def subsets(benchmark: Benchmark, macs: npt.NDArray[np.float64]) -> tuple[Subset, ...]:
    """Return all rows, the top decile by mean accuracy, networks without identity, and those of equal multiply-adds.

    `macs` are the multiply-adds of every row. A shorter cell counts as one with identities at its end, so a network without
    identity has every block at its full depth; where all networks do, that part is left out.
    """
    accuracy = benchmark.mean_accuracy
    border = np.sort(accuracy)[-math.ceil(len(benchmark) / 10)]
    whole = [has_no_identity(network.architecture, benchmark.space) for network in benchmark.networks]
    low, high = np.quantile(macs, MIDDLE)
    rows = {
        ("all", "every row of the benchmark"): np.arange(len(benchmark)),
        ("top_decile", "the tenth of the networks with the highest mean accuracy"): np.flatnonzero(accuracy >= border),
        ("no_identity", "networks with every block at its full depth and no layer an identity"): np.flatnonzero(whole),
        ("equal_macs", "the middle tenth of the networks by multiply-adds"): np.flatnonzero(
            (macs >= low) & (macs <= high)
        ),
    }
    found = [Subset(name=name, meaning=meaning, rows=own) for (name, meaning), own in rows.items()]
    return tuple(each for each in found if each.name != "no_identity" or len(each.rows) < len(benchmark))


def has_no_identity(architecture: Architecture, space: SearchSpace) -> bool:
    """Whether every block has as many layers as its deepest cell, none of them an identity.

    >>> from helixnas.space import from_code, macro
    >>> [has_no_identity(from_code(code), macro()) for code in ("22212220", "22212221")]
    [False, True]
    """
    depths = (max(cell.depth for cell in block.cells) for block in space.blocks)
    return architecture.effective_depth == sum(depths)
