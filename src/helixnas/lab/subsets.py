"""The parts of a benchmark on which rankings are judged.

Ranking a whole space is easy, because the worst networks differ a lot. A search chooses among the top decile and the
networks of full depth, where the noise of training is large relative to the differences.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from helixnas.lab.benchmark import Benchmark
from helixnas.space import Architecture, SearchSpace

LEAST = 10
"""Smallest number of different networks for a useful ranking."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subset:
    """Some rows of a benchmark."""

    name: str
    meaning: str
    """In words."""

    rows: npt.NDArray[np.int64]
    """Positions in the benchmark."""


def subsets(benchmark: Benchmark) -> tuple[Subset, ...]:
    """Return all rows, the top decile by mean accuracy, and the networks without identity.

    A shorter cell counts as one with identities at its end, so a network without identity has every block at its full depth.
    """
    accuracy = benchmark.mean_accuracy
    number = -(-len(benchmark) // 10)
    border = np.sort(accuracy)[-number]
    whole = np.array([has_no_identity(network.architecture, benchmark.space) for network in benchmark.networks])
    return (
        Subset(name="all", meaning="every row of the benchmark", rows=np.arange(len(benchmark))),
        Subset(
            name="top_decile",
            meaning="the tenth of the networks with the highest mean accuracy",
            rows=np.flatnonzero(accuracy >= border),
        ),
        Subset(
            name="no_identity",
            meaning="networks with every block at its full depth and no layer an identity",
            rows=np.flatnonzero(whole),
        ),
    )


def has_no_identity(architecture: Architecture, space: SearchSpace) -> bool:
    """Whether every block has as many layers as its deepest cell, none of them an identity.

    >>> from helixnas.space import from_code, macro
    >>> [has_no_identity(from_code(code), macro()) for code in ("22212220", "22212221")]
    [False, True]
    """
    depths = (max(cell.depth for cell in block.cells) for block in space.blocks)
    return architecture.effective_depth == sum(depths)
