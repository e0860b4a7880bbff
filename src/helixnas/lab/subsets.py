"""The parts of a benchmark on which rankings are judged.

Ranking a whole space is easy, because the worst networks differ a lot. A search chooses among the top decile and the
networks of full depth, where the noise of training is large relative to the differences.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from helixnas.lab.benchmark import Benchmark
from helixnas.space import Architecture, SearchSpace

LEAST = 10
"""Smallest number of different networks for a useful ranking."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subset:
    """Some rows of a benchmark, and what they have in common, in words."""

    name: str
    meaning: str
    rows: npt.NDArray[np.int64]


def subsets(benchmark: Benchmark) -> tuple[Subset, ...]:
    """Return all rows, the top decile by mean accuracy, and the networks without identity.

    A shorter cell counts as one with identities at its end, so a network without identity has every block at its full depth.
    """
    accuracy = benchmark.mean_accuracy
    border = np.sort(accuracy)[-math.ceil(len(benchmark) / 10)]
    whole = [has_no_identity(network.architecture, benchmark.space) for network in benchmark.networks]
    rows = {
        ("all", "every row of the benchmark"): np.arange(len(benchmark)),
        ("top_decile", "the tenth of the networks with the highest mean accuracy"): np.flatnonzero(accuracy >= border),
        ("no_identity", "networks with every block at its full depth and no layer an identity"): np.flatnonzero(whole),
    }
    return tuple(Subset(name=name, meaning=meaning, rows=own) for (name, meaning), own in rows.items())


def has_no_identity(architecture: Architecture, space: SearchSpace) -> bool:
    """Whether every block has as many layers as its deepest cell, none of them an identity.

    >>> from helixnas.space import from_code, macro
    >>> [has_no_identity(from_code(code), macro()) for code in ("22212220", "22212221")]
    [False, True]
    """
    depths = (max(cell.depth for cell in block.cells) for block in space.blocks)
    return architecture.effective_depth == sum(depths)
