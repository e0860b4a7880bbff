"""Ranking a run against a benchmark: correlations with intervals, size beside score, noise ceiling, regret.

A score is useful only if it ranks better than network size does. So multiply-adds, parameters and depth rank the same
networks; the score's partial correlation given all three, and its lead in tau over each, come from the same resamples. So do
the partial correlations given also what else costs nothing: the best untrained proxy and the depth of every block.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import (
    Agreement,
    Correlations,
    Estimate,
    Given,
    correlations,
    interval,
    of_resamples,
    resamples,
)
from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.ranking import ADDITIVE, SIZES, Ranking, SubsetRanking
from helixnas.errors import ArtifactError, ConfigError
from helixnas.lab.benchmark import Benchmark
from helixnas.lab.predictors import (
    Summed,
    additive_fit,
    best_proxy,
    block_depths,
    higher_is_better,
    sizes,
    summed_kinds,
    summed_scores,
)
from helixnas.lab.regret import is_whole, picks_by_budget
from helixnas.lab.subsets import LEAST, Subset, subsets
from helixnas.search import Tables
from helixnas.space import SearchSpace

FloatArray = npt.NDArray[np.float64]

MOST_RESAMPLES = 100_000
"""Largest number of resamples of an interval; all are held in memory."""

ACCURACY = "accuracy"
"""Column of the mean accuracies."""

MOST_PAIRS = 6
"""Largest number of pairs of trainings that are correlated for the noise ceiling."""


def rank(
    benchmark: Benchmark,
    tables: Tables,
    space: SearchSpace,
    *,
    searches: Sequence[Summed] = (),
    num_resamples: int = 500,
    seed: int = 0,
    advance: Callable[[int, int], None] = lambda done, total: None,
) -> Ranking:
    """Return how well the scores of a run, and size alone, rank a benchmark's networks.

    The space is the run's, and must contain the benchmark's networks. `searches` are sums of scores to rank beside every rated
    kind of score; the first is reported as the search's. The seed decides the bootstrap resamples, of which `advance` is
    called with the numbers of finished and of all.

    Raises:
        ArtifactError: the benchmark holds networks of another space, or fewer than three.
        ConfigError: there are fewer than two resamples, or scores cannot be combined.
        UnknownNameError: a search adds up a score that was not rated.
    """
    if not 2 <= num_resamples <= MOST_RESAMPLES:
        raise ConfigError(f"an interval needs 2 to {MOST_RESAMPLES:,} resamples, not {num_resamples:,}")
    require_members(benchmark, space)
    kinds, search_score = summed_kinds(tables, searches)
    scores = summed_scores(benchmark, tables, kinds)
    size = sizes(benchmark, tables)
    predictors = higher_is_better(scores, size)
    columns = {ACCURACY: benchmark.mean_accuracy, **scores, **size}
    adds_up = len(space.blocks) > 1 and is_whole(benchmark, space.size)
    fitted = {ADDITIVE: additive_fit(benchmark)} if adds_up else {}
    found, distinct = subsets(benchmark, size["macs"]), benchmark.distinct
    counts = {each.name: len(np.unique(distinct[each.rows])) for each in found}
    skipped = [name for name, number in counts.items() if name != "all" and number < LEAST]
    kept = [each for each in found if each.name not in skipped]

    proxy, _ = best_proxy(predictors.items(), benchmark.mean_accuracy) or ("", None)

    def rank_subset(position: int) -> SubsetRanking:
        return _rank_subset(
            benchmark,
            kept[position],
            predictors,
            tuple(scores),
            fitted.get(ADDITIVE),
            proxy=proxy,
            seed=seed,
            num_resamples=num_resamples,
            advance=lambda done: advance(position * num_resamples + done, len(kept) * num_resamples),
        )

    ranked = tuple(map(rank_subset, range(len(kept))))
    budgets, picked_by = picks_by_budget(benchmark, {**predictors, **fitted}, tables, kinds, num_searched=space.size)
    return Ranking(
        benchmark=_described(benchmark, counts["all"]),
        scores=tuple(scores),
        search_score=search_score,
        proxy=proxy,
        num_resamples=num_resamples,
        picked_by=picked_by,
        subsets=ranked,
        skipped={name: f"{counts[name]} different networks, of at least {LEAST}" for name in skipped},
        budgets=budgets,
        networks={
            "architecture": tuple(network.architecture.text for network in benchmark.networks),
            **{name: tuple(values.tolist()) for name, values in columns.items()},
        },
    )


def _described(benchmark: Benchmark, num_networks: int) -> dict[str, Any]:
    """Return what a ranking says of its benchmark."""
    return {
        "name": benchmark.name,
        "num_rows": len(benchmark),
        "num_networks": num_networks,
        "num_trainings": benchmark.num_trainings,
        "facts": dict(benchmark.facts),
    }


def _rank_subset(
    benchmark: Benchmark,
    subset: Subset,
    predictors: Mapping[str, FloatArray],
    scores: Sequence[str],
    additive: FloatArray | None,
    *,
    proxy: str,
    seed: int,
    num_resamples: int,
    advance: Callable[[int], None],
) -> SubsetRanking:
    rows = subset.rows
    networks = np.unique(benchmark.distinct[rows], return_inverse=True)[1]
    accuracy, trainings = benchmark.mean_accuracy[rows], benchmark.trainings[rows]
    values = {name: column[rows] for name, column in predictors.items()}
    repeats = list(combinations(range(trainings.shape[1]), 2))[:MOST_PAIRS]
    depths = block_depths([benchmark.networks[row].architecture for row in rows])
    measured = {ACCURACY: accuracy, **{f"training {number}": each for number, each in enumerate(trainings.T)}}
    columns = {**values, **depths, **measured, **({} if additive is None else {ADDITIVE: additive[rows]})}
    pairs = [(name, ACCURACY) for name in values]
    pairs += [(f"training {first}", f"training {second}") for first, second in repeats]
    pairs += [] if additive is None else [(ADDITIVE, ACCURACY)]

    held_fixed = _held_fixed(scores, proxy, tuple(depths))
    given = [Given(name, ACCURACY, controls) for own in held_fixed.values() for name, controls in own.items()]
    of_all, partial_of_all = (
        each[0] for each in of_resamples(columns, [np.arange(len(rows))], pairs=pairs, given=given)
    )
    drawn = resamples(networks, seed=seed, number=num_resamples)
    resampled, partial = of_resamples(columns, drawn, pairs=pairs, given=given, advance=advance)
    estimates = (
        Estimate(float(value), interval(column)) for value, column in zip(partial_of_all, partial.T, strict=True)
    )
    partials = {figure: {name: next(estimates) for name in own} for figure, own in held_fixed.items()}
    agreements = [Agreement.of(Correlations(*figures), resampled[:, i]) for i, figures in enumerate(of_all.tolist())]
    names = list(values)

    def lead(score: str, size: str) -> Estimate:
        a, b = names.index(score), names.index(size)
        return Estimate(float(of_all[a, 0] - of_all[b, 0]), interval(resampled[:, a, 0] - resampled[:, b, 0]))

    return SubsetRanking(
        name=subset.name,
        meaning=subset.meaning,
        num_rows=len(rows),
        num_networks=int(networks.max()) + 1,
        agreement=dict(zip(values, agreements, strict=False)),
        partial=partials["partial"],
        beyond=partials["beyond"],
        given_block_depths=partials["given_block_depths"],
        lead={name: {size: lead(name, size) for size in SIZES} for name in scores},
        ceiling={
            f"{first + 1} and {second + 1}": each
            for (first, second), each in zip(repeats, agreements[len(values) :], strict=False)
        },
        additive=None if additive is None else agreements[-1],
        best_pearson=best_pearson(trainings),
    )


def _held_fixed(scores: Sequence[str], proxy: str, depths: Sequence[str]) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return per partial correlation the scores that have it, each with the controls that it is given."""
    learned, untrained = [name for name in scores if name not in PROXIES], (proxy,) if proxy else ()
    return {
        "partial": dict.fromkeys(scores, SIZES),
        "beyond": dict.fromkeys(learned if untrained else (), (*SIZES, *untrained)),
        "given_block_depths": dict.fromkeys(learned if depths else (), (*SIZES, *untrained, *depths)),
    }


def best_pearson(trainings: FloatArray) -> float | None:
    """Return the Pearson R that a perfect predictor reaches with the mean of repeated trainings, (networks, trainings).

    With r the mean correlation between two trainings, the mean of n trainings has the reliability n r / (1 + (n - 1) r)
    (Spearman-Brown); a noise-free predictor correlates with that mean by the square root of the reliability.

    >>> round(best_pearson(np.array([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0], [4.0, 4.0]])), 4)
    0.9428
    """
    number = trainings.shape[1]
    if number < 2:
        return None
    pairs = list(combinations(range(number), 2))
    r = float(np.mean([correlations(trainings[:, a], trainings[:, b]).pearson for a, b in pairs]))
    return float(np.sqrt(number * r / (1 + (number - 1) * r))) if r > 0 else 0.0


def require_members(benchmark: Benchmark, space: SearchSpace) -> None:
    """Raise `ArtifactError` where a benchmark holds networks of another space, or fewer than three."""
    outside = [network.architecture for network in benchmark.networks if network.architecture not in space]
    if outside:
        raise ArtifactError(
            f"{len(outside):,} of the {len(benchmark):,} networks of {benchmark.name} are not in the run's space "
            f"{space.name!r}, such as {outside[0].text!r}; rank a run that searches the benchmark's space"
        )
    number = len(np.unique(benchmark.distinct))
    if number < 3:
        raise ArtifactError(
            f"{benchmark.name} holds {number} different network{'' if number == 1 else 's'}; a ranking needs at least 3"
        )
    if np.ptp(benchmark.mean_accuracy) == 0:
        raise ArtifactError(f"all networks of {benchmark.name} have the same accuracy, so there is nothing to rank")
