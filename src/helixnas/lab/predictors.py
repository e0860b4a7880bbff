"""What predicts: the summed scores of a run (Eq. 4), each kind that was rated, and the sizes of the same networks."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from helixnas.artifacts import RatingTable
from helixnas.lab.benchmark import Benchmark
from helixnas.search import Tables, score_to_int

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

SEARCH = "search"
"""Name of what the search adds up, where it is not one of the rated kinds of score."""


def rows_of(benchmark: Benchmark, ratings: tuple[RatingTable, ...]) -> IntArray:
    """Return, per network of the benchmark and block, its row in the rating tables, (networks, blocks).

    Raises:
        ArtifactError: a path was not rated.
    """
    first = int(ratings[0].previous_width[0])
    rows = np.empty((len(benchmark), len(ratings)), dtype=np.int64)
    for position, network in enumerate(benchmark.networks):
        previous = first
        for block, (table, path) in enumerate(zip(ratings, network.architecture.paths, strict=True)):
            rows[position, block] = table.row(previous, path.text)
            previous = path.width
    return rows


def summed_scores(benchmark: Benchmark, tables: Tables) -> tuple[dict[str, FloatArray], str]:
    """Return the sum over blocks of every kind of score, lower is better, and the name of the one the search adds up."""
    rows, ratings = rows_of(benchmark, tables.ratings), tables.ratings
    kinds = [name for name in ratings[0].scores if all(name in table.scores for table in ratings)]
    scores: dict[str, FloatArray] = {}
    for name in kinds:
        scores[name] = np.sum([table.mean(name)[rows[:, k]] for k, table in enumerate(ratings)], axis=0)
    searched = [block.score for block in tables.instance(("macs",)).blocks[1:-1]]
    for name in kinds:
        whole = [score_to_int(table.mean(name)) for table in ratings]
        if all(np.array_equal(ours, theirs) for ours, theirs in zip(whole, searched, strict=True)):
            return scores, name
    scores[SEARCH] = np.sum([score[rows[:, k]] for k, score in enumerate(searched)], axis=0) * 1e-12
    return scores, SEARCH


def sizes(benchmark: Benchmark, tables: Tables) -> dict[str, FloatArray]:
    """Return multiply-adds, parameters and depth of every network: as the benchmark tells them, else as the run does.

    Depth counts the layers that are no identity.
    """
    counted = [tables.costs.of(network.architecture) for network in benchmark.networks]
    found: dict[str, FloatArray] = {}
    for name in ("macs", "params"):
        told = benchmark.cost(name)
        found[name] = (told if told is not None else np.array([cost[name] for cost in counted])).astype(float)
    found["depth"] = np.array([network.architecture.effective_depth for network in benchmark.networks], dtype=float)
    return found


def higher_is_better(scores: Mapping[str, FloatArray], size: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return all predictors pointing the way of accuracy: scores negated, sizes as they are."""
    return {**{name: -values for name, values in scores.items()}, **size}
