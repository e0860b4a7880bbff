"""Regret: the accuracy gap between the choice under a budget and the best network.

Ten upper limits on multiply-adds, evenly spaced: the first is a tenth of the way from the smallest network to the largest,
the last leaves all. Under each the exact search picks where the benchmark holds the whole space; where it holds a sample,
the best score among its networks picks, because a network that was never trained has no accuracy to look up.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.ranking import BudgetPicks, Pick
from helixnas.lab.benchmark import Benchmark
from helixnas.lab.predictors import FloatArray, Summed
from helixnas.search import Budget, Tables, solve

NUM_BUDGETS = 10
EXACT = "the exact search over the whole space"
SAMPLED = "the best score among the benchmark's networks, which are a sample of the space"


def budgets_of(macs: npt.NDArray[np.int64]) -> list[int]:
    """Return ten limits, evenly spaced from above the smallest amount to the largest.

    >>> budgets_of(np.array([100, 200]))
    [110, 120, 130, 140, 150, 160, 170, 180, 190, 200]
    """
    smallest, largest = int(macs.min()), int(macs.max())
    return [smallest + (largest - smallest) * step // NUM_BUDGETS for step in range(1, NUM_BUDGETS + 1)]


def is_whole(benchmark: Benchmark, num_searched: int) -> bool:
    """Return whether a benchmark holds all `num_searched` networks of a space."""
    return len({network.architecture.text for network in benchmark.networks}) == num_searched


def picks_by_budget(
    benchmark: Benchmark,
    predictors: Mapping[str, FloatArray],
    tables: Tables,
    kinds: Mapping[str, Summed],
    *,
    num_searched: int,
) -> tuple[tuple[BudgetPicks, ...], str]:
    """Return the picks of every predictor under ten budgets, and a description of how scores pick.

    A predictor has a value per row, higher is better; `kinds` are the predictors that are scores, with their sums. The exact
    search picks for these if the benchmark holds all `num_searched` networks of the run's space.
    """
    texts = [network.architecture.text for network in benchmark.networks]
    macs = np.array([tables.costs.of(network.architecture)["macs"] for network in benchmark.networks])
    accuracy, searches = benchmark.mean_accuracy, is_whole(benchmark, num_searched)
    accuracy_of = dict(zip(texts, accuracy.tolist(), strict=True))
    instances = {name: summed.instance(tables) for name, summed in kinds.items()} if searches else {}
    found: list[BudgetPicks] = []
    for limit in budgets_of(macs):
        rows = np.flatnonzero(macs <= limit)
        picks = {name: _pick(rows, values, accuracy, texts) for name, values in predictors.items()}
        for name, instance in instances.items():
            chosen = solve(instance, Budget(upper={"macs": limit})).best().text.strip()
            picks[name] = Pick(accuracy=accuracy_of[chosen], architecture=chosen)
        best, random = float(accuracy[rows].max()), float(accuracy[rows].mean())
        found.append(BudgetPicks(macs=limit, num_rows=len(rows), best=best, random=random, picks=picks))
    return tuple(found), EXACT if searches else SAMPLED


def _pick(rows: npt.NDArray[np.int64], values: FloatArray, accuracy: FloatArray, texts: list[str]) -> Pick:
    """Return the network of highest value among some rows; the mean of them where several share it."""
    first = rows[values[rows] == values[rows].max()]
    names = {texts[row] for row in first}
    return Pick(accuracy=float(accuracy[first].mean()), architecture=names.pop() if len(names) == 1 else None)
