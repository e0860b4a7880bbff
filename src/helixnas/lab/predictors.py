"""Predictors: the summed scores of a run (Eq. 4), each rated kind and each sum of a search, and sizes."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.sparse import linalg

from helixnas.artifacts.agreement import correlations
from helixnas.artifacts.baseline import COUNTED, PROXIES
from helixnas.artifacts.ranking import SIZES
from helixnas.artifacts.rating_table import rows_of
from helixnas.lab.benchmark import Benchmark
from helixnas.search import Instance, Tables, scored
from helixnas.search.config import SearchConfig
from helixnas.space import Architecture

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Summed:
    """The sum of a search: kinds of score, each divided by its spread if there are several, and weights of blocks.

    >>> Summed(scores=("relative_l1", "task_kl")).name
    'relative_l1 + task_kl'
    """

    scores: tuple[str, ...]
    """Kinds of score, as the rating tables name them."""

    weights: tuple[float, ...] = ()
    """lambda_k of Eq. 4, one per block; empty for 1 each."""

    @property
    def name(self) -> str:
        """Name of the predictor."""
        weighted = f" (blocks weighted {', '.join(f'{weight:g}' for weight in self.weights)})" if self.weights else ""
        return " + ".join(self.scores) + weighted

    @staticmethod
    def of(config: SearchConfig, tables: Tables) -> "Summed":
        """Return the sum of a search of a run, whose tables name the first kind of score."""
        return Summed(scores=config.scores or tuple(tables.ratings[0].scores)[:1], weights=config.weights)

    def tables(self, tables: Tables) -> Tables:
        """Return the run's tables with these scores as one; raises `UnknownNameError` for one that was not rated."""
        return scored(tables, self.scores)[0]

    def sums(self, tables: Tables, networks: Sequence[Architecture]) -> FloatArray:
        """Return the sum over blocks for each network; lower is better."""
        return self.at(tables, rows_of(tables.ratings, networks))

    def at(self, tables: Tables, rows: npt.NDArray[np.int64]) -> FloatArray:
        """Return the sums of networks whose paths are these rows of the tables, one column per block (`rows_of`)."""
        weights = self.weights or (1.0,) * len(tables.ratings)
        means = [table.mean() for table in self.tables(tables).ratings]
        own = [weight * mean[rows[:, block]] for block, (weight, mean) in enumerate(zip(weights, means, strict=True))]
        return np.sum(own, axis=0)

    def instance(self, tables: Tables) -> Instance:
        """Return the search instance with multiply-adds as its resource."""
        return self.tables(tables).instance(("macs",), weights=self.weights or None)


def kinds_in(predictor: str) -> tuple[str, ...]:
    """Return the kinds of score in a sum, by its name.

    >>> kinds_in("log_kl + naswot (blocks weighted 1, 2)")
    ('log_kl', 'naswot')
    """
    return tuple(predictor.partition(" (")[0].split(" + "))


def summed_kinds(tables: Tables, searches: Sequence[Summed]) -> tuple[dict[str, Summed], str]:
    """Return every kind of score alone and the sums of the searches, by name, and the name of the first search's sum.

    Without searches, that is the first kind of score, as it is for `helixnas.search`.
    """
    ratings = tables.ratings
    kinds = [name for name in ratings[0].scores if all(name in table.scores for table in ratings)]
    alone = [Summed(scores=(name,)) for name in kinds]
    found = {each.name: each for each in (*alone, *searches)}
    return found, (searches[0] if searches else alone[0]).name


def summed_scores(benchmark: Benchmark, tables: Tables, kinds: Mapping[str, Summed]) -> dict[str, FloatArray]:
    """Return per predictor the sum over blocks, a value per row of the benchmark; lower is better."""
    rows = rows_of(tables.ratings, [network.architecture for network in benchmark.networks])
    return {name: summed.at(tables, rows) for name, summed in kinds.items()}


def sizes(benchmark: Benchmark, tables: Tables) -> dict[str, FloatArray]:
    """Return multiply-adds, parameters and depth of every network: from the benchmark if it has them, else from the run.

    Depth counts the layers that are no identity.
    """
    counted = [tables.costs.of(network.architecture) for network in benchmark.networks]
    found = {"depth": np.array([network.architecture.effective_depth for network in benchmark.networks])}
    for name in ("macs", "params"):
        own = benchmark.cost(name)
        found[name] = np.array([cost[name] for cost in counted]) if own is None else own
    return {name: found[name].astype(float) for name in SIZES}


def block_depths(networks: Sequence[Architecture]) -> dict[str, FloatArray]:
    """Return the depth of every block in which networks differ, a value per network; blocks that were joined count apart.

    Depth counts the layers that are no identity. One block alone is left out: it differs as the depth of the whole network does.
    """
    counted = np.array([_depths(network) for network in networks], dtype=float)
    varying = np.flatnonzero(np.ptp(counted, axis=0) > 0)
    return {f"depth of block {block + 1}": counted[:, block] for block in varying} if len(varying) > 1 else {}


def _depths(network: Architecture) -> list[int]:
    """Return the layers that are no identity, by block, or by section of joined blocks."""
    found = list[int]()
    for path in network.paths:
        real = [not operation.is_identity for operation in path.operations]
        for depth in [section.depth for section in path.sections] or [path.depth]:
            found.append(sum(real[:depth]))
            real = real[depth:]
    return found


def additive_fit(benchmark: Benchmark) -> FloatArray:
    """Return the best additive fit of every row's log error, negated so that higher is better.

    Every path of a block, behind every width it may receive, gets the value that, added up over blocks, comes nearest to
    the logarithm of the mean error by least squares. It is fitted to the accuracies, so it is not a prediction: it shows the
    limit of summed block scores (Eq. 4). Errors below .0001 count as that.
    """
    columns, entries = dict[tuple[int, int, str], int](), list[list[int]]()
    for network in benchmark.networks:
        previous, found = 0, list[int]()
        for block, path in enumerate(network.architecture.paths):
            found.append(columns.setdefault((block, previous, path.text), len(columns)))
            previous = path.width
        entries.append(found)
    at = np.array(entries)
    row_ends = np.arange(0, at.size + 1, at.shape[1])
    chosen = sparse.csr_array((np.ones(at.size), at.ravel(), row_ends), shape=(len(at), len(columns)))
    error = np.log(np.maximum(1 - benchmark.mean_accuracy, 1e-4))
    values = np.asarray(linalg.lsqr(chosen, error, atol=1e-12, btol=1e-12)[0])
    return -values[at].sum(axis=1)


def higher_is_better(scores: Mapping[str, FloatArray], size: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    """Return all predictors with higher for better: scores negated, sizes unchanged."""
    return {**{name: -values for name, values in scores.items()}, **size}


def best_proxy(predictors: Iterable[tuple[str, FloatArray]], accuracy: FloatArray) -> tuple[str, FloatArray] | None:
    """Return the zero-cost proxy with the highest Kendall tau, of predictors by name, higher is better; None if there is none.

    The number of layers does not count: it is a size.
    """
    proxies = [each for each in predictors if each[0] in PROXIES and each[0] != COUNTED and np.ptp(each[1]) > 0]
    return max(proxies, key=lambda each: correlations(each[1], accuracy).kendall, default=None)
