"""Agreement of two rankings: correlations with bootstrap intervals.

Intervals are percentiles of a bootstrap over *networks*. A benchmark may list one network under several names; such rows
are drawn together, because as independent rows they would make the intervals too narrow.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Interval = tuple[float, float]
"""Lower and upper end."""


MOST_IN_PAIRS = 1024
"""Rows up to which Kendall's tau compares every pair of rows, for all resamples at once; it sorts every resample of more."""

NUMBERS_AT_ONCE = 2**18
"""Rows times resamples that are computed together, so that memory does not grow with the number of resamples."""


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval."""

    value: float
    interval: Interval


class Correlations(NamedTuple):
    """Kendall tau-b, Spearman rho (Pearson's R of the ranks) and Pearson R of two quantities, each -1 .. 1."""

    kendall: float
    spearman: float
    pearson: float


@dataclass(frozen=True)
class Agreement:
    """Correlations of a predictor with a measured quality, with 95 % bootstrap intervals over networks."""

    kendall: float
    kendall_interval: Interval
    spearman: float
    spearman_interval: Interval
    pearson: float
    pearson_interval: Interval

    def to_dict(self) -> dict[str, float | Interval]:
        """Return the figures as plain values."""
        return asdict(self)

    @staticmethod
    def of(values: Correlations, resampled: FloatArray) -> "Agreement":
        """Return correlations with intervals from the same correlations of every resample, (resamples, 3)."""
        intervals = [interval(column) for column in resampled.T]
        return Agreement(values.kendall, intervals[0], values.spearman, intervals[1], values.pearson, intervals[2])


def agreement(predicted: FloatArray, measured: FloatArray, *, seed: int = 0, num_resamples: int = 1000) -> Agreement:
    """Return the correlations of two quantities, both higher for better, with intervals.

    The correlation of a constant predictor is 0.
    """
    drawn = resamples(np.arange(len(predicted)), seed=seed, number=num_resamples)
    resampled, _ = of_resamples({"a": predicted, "b": measured}, drawn, pairs=[("a", "b")])
    return Agreement.of(correlations(predicted, measured), resampled[:, 0])


def paired_kendall(
    differences: FloatArray, measured: FloatArray, *, seed: int = 0, num_resamples: int = 1000
) -> Estimate:
    """Return Kendall tau-b of predicted `differences`, (networks, networks), with a measured quality; 0 if either has none.

    Row i, column j holds how far network i is predicted above network j. The interval is by bootstrap over networks; a pair of
    one network with itself does not count.

    >>> quality = np.array([1.0, 2.0, 4.0, 3.0])
    >>> paired_kendall(quality[:, None] - quality, quality).value
    1.0
    """
    predicted, true = np.sign(differences), np.sign(measured[:, None] - measured)

    def tau(counts: FloatArray) -> FloatArray:
        agreed, told, ranked = (_sum_of_pairs(counts, each) for each in (predicted * true, predicted**2, true**2))
        return _tau(agreed, told * ranked)

    number = len(measured)
    drawn = resamples(np.arange(number), seed=seed, number=num_resamples)
    counts = np.array([np.bincount(rows, minlength=number) for rows in drawn], dtype=np.float64)
    return Estimate(float(tau(np.ones((1, number)))[0]), interval(tau(counts)))


def correlations(a: FloatArray, b: FloatArray) -> Correlations:
    """Return Kendall tau-b (in O(n log n)), Spearman rho and Pearson R; 0 each where one side is constant.

    >>> correlations(np.array([1.0, 2.0, 4.0, 3.0]), np.arange(4.0)).spearman
    0.8
    """
    from scipy import stats  # slow to import, and readers of a file do not need it

    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return Correlations(0.0, 0.0, 0.0)
    tau: Any = stats.kendalltau(a, b, method="asymptotic")  # the method is that of a p-value, which is not used
    return Correlations(float(tau.statistic), _pearson(stats.rankdata(a), stats.rankdata(b)), _pearson(a, b))


def partial_spearman(predicted: FloatArray, measured: FloatArray, controls: Mapping[str, FloatArray]) -> float:
    """Return the partial Spearman correlation given the controls.

    The ranks of both are regressed on the ranks of the controls; the residuals are correlated. 0 if a residual vanishes.

    >>> size = np.array([1.0, 2.0, 3.0, 4.0])
    >>> partial_spearman(size, size, {"macs": size})
    0.0
    """
    from scipy import stats

    design = np.column_stack([np.ones(len(predicted)), *(stats.rankdata(values) for values in controls.values())])
    ranks = [stats.rankdata(values) for values in (predicted, measured)]
    left, right = (each - design @ np.linalg.lstsq(design, each, rcond=None)[0] for each in ranks)
    scale = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / scale) if scale > 1e-9 * len(predicted) else 0.0


def partial_agreement(
    predicted: FloatArray,
    measured: FloatArray,
    controls: Mapping[str, FloatArray],
    *,
    seed: int = 0,
    num_resamples: int = 1000,
) -> Estimate:
    """Return `partial_spearman` with its 95 % bootstrap interval over networks."""
    drawn = resamples(np.arange(len(predicted)), seed=seed, number=num_resamples)
    names = {f"control {name}": values for name, values in controls.items()}
    columns = {"predicted": predicted, "measured": measured, **names}
    _, resampled = of_resamples(columns, drawn, given=[Given("predicted", "measured", tuple(names))])
    return Estimate(partial_spearman(predicted, measured, controls), interval(resampled[:, 0]))


class Given(NamedTuple):
    """Columns of a partial correlation: of two, given others."""

    predicted: str
    measured: str
    controls: tuple[str, ...]


def of_resamples(
    columns: Mapping[str, FloatArray],
    drawn: Iterable[IntArray],
    *,
    pairs: Sequence[tuple[str, str]] = (),
    given: Sequence[Given] = (),
    advance: Callable[[int], None] = lambda done: None,
) -> tuple[FloatArray, FloatArray]:
    """Return the correlations of pairs of columns, (resamples, pairs, 3), and partial Spearman ones, (resamples, given).

    `drawn` holds the rows of every resample. The figures are those of `correlations` and `partial_spearman` on these rows, but
    many resamples are computed at once: by how often each holds a row. `advance` is called with the number that is done.

    >>> column = np.array([1.0, 2.0, 4.0, 3.0])
    >>> found, _ = of_resamples(
    ...     {"a": column, "b": np.arange(4.0)}, [np.arange(4), np.array([2, 2, 3, 3])], pairs=[("a", "b")]
    ... )
    >>> found[:, 0, 0].round(3).tolist()
    [0.667, -1.0]
    """
    values = {name: _Column(np.asarray(column, dtype=np.float64)) for name, column in columns.items()}
    number = len(next(iter(columns.values())))
    at_once, waiting = max(1, NUMBERS_AT_ONCE // number), iter(drawn)
    paired: list[FloatArray] = [np.empty((0, len(pairs), 3))]
    partial: list[FloatArray] = [np.empty((0, len(given)))]
    done = 0
    while rows := list(islice(waiting, at_once)):
        batch = _Batch(values, np.array([np.bincount(each, minlength=number) for each in rows], dtype=np.float64))
        empty = np.empty((len(rows), 0))
        figures = [batch.correlations(first, second) for first, second in pairs]
        paired.append(np.stack(figures, axis=1) if figures else empty.reshape(len(rows), 0, 3))
        partial.append(np.stack([batch.partial(*each) for each in given], axis=1) if given else empty)
        done += len(rows)
        advance(done)
    return np.concatenate(paired), np.concatenate(partial)


class _Column:
    """A value per row, with its order."""

    def __init__(self, values: FloatArray) -> None:
        self.values = values
        self.order = np.argsort(values, kind="stable")
        in_order = values[self.order]
        is_last = np.append(in_order[1:] != in_order[:-1], True)
        self.lasts = np.flatnonzero(is_last)
        """Places in the order where equal values end."""
        self.group = np.cumsum(is_last) - is_last
        """Per place in the order, the number of the equal values it belongs to."""

    @cached_property
    def signs(self) -> npt.NDArray[np.float32]:
        """Whether row i is above (1), level with (0) or below (-1) row j, (rows, rows)."""
        above = np.greater(self.values[:, None], self.values).astype(np.float32)
        return above - above.T

    def ranks(self, counts: FloatArray) -> FloatArray:
        """Return the mean rank of every row in resamples that hold it `counts` times, (resamples, rows)."""
        upto = np.cumsum(counts[:, self.order], axis=1)[:, self.lasts]
        sizes = np.diff(upto, axis=1, prepend=0.0)
        ranks = np.empty_like(counts)
        ranks[:, self.order] = (upto - (sizes - 1) / 2)[:, self.group]
        return ranks


class _Batch:
    """Some resamples, by how often each holds a row, (resamples, rows); computes every column once."""

    def __init__(self, columns: Mapping[str, _Column], counts: FloatArray) -> None:
        self.columns = columns
        self.counts = counts
        self.roots = np.sqrt(counts)
        self._ranks: dict[str, FloatArray] = {}
        self._differing: dict[str, FloatArray] = {}
        self._bases: dict[tuple[str, ...], FloatArray] = {}

    def ranks(self, name: str) -> FloatArray:
        if name not in self._ranks:
            self._ranks[name] = self.columns[name].ranks(self.counts)
        return self._ranks[name]

    def correlations(self, first: str, second: str) -> FloatArray:
        """Return Kendall, Spearman and Pearson, (resamples, 3); 0 each where one side is constant."""
        one, other = (self._scaled(self.ranks(name)) for name in (first, second))
        spearman = (one * other).sum(axis=1)
        varies = np.logical_and(one.any(axis=1, keepdims=True), other.any(axis=1, keepdims=True))
        one, other = (self._scaled(self.columns[name].values) for name in (first, second))
        found = np.stack([self._kendall(first, second), spearman, (one * other).sum(axis=1)], axis=1)
        return np.where(varies, found, 0.0)

    def partial(self, predicted: str, measured: str, controls: tuple[str, ...]) -> FloatArray:
        """Return the partial Spearman correlation, (resamples,)."""
        left, right = (self._residual(name, controls) for name in (predicted, measured))
        scale = np.sqrt((left**2).sum(axis=1) * (right**2).sum(axis=1))
        is_left = scale > 1e-9 * self.counts.sum(axis=1)
        return np.where(is_left, (left * right).sum(axis=1) / np.where(is_left, scale, 1.0), 0.0)

    def _scaled(self, values: FloatArray) -> FloatArray:
        """Return deviations from the mean of every resample, of length 1; zeros where there are none."""
        mean = (self.counts * values).sum(axis=1) / self.counts.sum(axis=1)
        apart = self.roots * (values - mean[:, None])
        length = np.sqrt((apart**2).sum(axis=1))
        return apart / np.where(length > 0, length, 1.0)[:, None]

    def _kendall(self, first: str, second: str) -> FloatArray:
        if self.counts.shape[1] > MOST_IN_PAIRS:
            drawn = (np.repeat(np.arange(len(row)), row) for row in self.counts.astype(np.int64))
            a, b = (self.columns[name].values for name in (first, second))
            return np.array([correlations(a[rows], b[rows]).kendall for rows in drawn])
        counts = self.counts.astype(np.float32)  # sums of up to MOST_IN_PAIRS ** 2 ones are exact
        for name in (first, second):
            if name not in self._differing:
                self._differing[name] = _sum_of_pairs(counts, self.columns[name].signs ** 2)
        agreed = _sum_of_pairs(counts, self.columns[first].signs * self.columns[second].signs)
        return _tau(agreed, self._differing[first] * self._differing[second])

    def _residual(self, name: str, controls: tuple[str, ...]) -> FloatArray:
        """Return what the ranks of the controls leave of the ranks of a column, (resamples, rows)."""
        if controls not in self._bases:
            design = [np.ones_like(self.counts), *(self.ranks(each) for each in controls)]
            basis, sizes, _ = np.linalg.svd(self.roots[:, :, None] * np.stack(design, axis=2), full_matrices=False)
            least = np.finfo(np.float64).eps * max(basis.shape[1:]) * sizes[:, :1]
            self._bases[controls] = basis * (sizes > least)[:, None]
        basis, ranks = self._bases[controls], self.roots * self.ranks(name)
        return ranks - np.einsum("rnk,rk->rn", basis, np.einsum("rnk,rn->rk", basis, ranks))


def _sum_of_pairs(counts: npt.NDArray[Any], matrix: npt.NDArray[Any]) -> FloatArray:
    """Return per resample the sum of a matrix (rows, rows) over all pairs of what it holds."""
    return ((counts @ matrix) * counts).sum(axis=1, dtype=np.float64)


def _tau(agreed: FloatArray, differing: FloatArray) -> FloatArray:
    """Return tau-b from pairs in agreement less those in disagreement, and the product of those that differ on each side."""
    return agreed / np.maximum(np.sqrt(differing), 1.0)  # at least one pair, if there is any


def resamples(networks: IntArray, *, seed: int, number: int) -> Iterator[IntArray]:
    """Yield the rows of `number` bootstrap resamples: as many networks as there are, drawn with replacement.

    `networks` holds the network of every row, 0 .. G - 1; the rows of one network are drawn together.

    >>> [rows.tolist() for rows in resamples(np.array([0, 1, 0]), seed=0, number=2)]
    [[1, 1], [1, 0, 2]]
    """
    rng = np.random.default_rng(seed)
    order = np.argsort(networks, kind="stable")
    sizes = np.bincount(networks)
    starts = np.cumsum(sizes) - sizes
    for _ in range(number):
        drawn = rng.integers(len(sizes), size=len(sizes))
        own = sizes[drawn]
        position = np.arange(own.sum()) - np.repeat(np.cumsum(own) - own, own)
        yield order[np.repeat(starts[drawn], own) + position]


def interval(values: FloatArray) -> Interval:
    """Return the middle 95 % of resampled figures."""
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)


def _pearson(a: FloatArray, b: FloatArray) -> float:
    left, right = a - a.mean(), b - b.mean()
    scale = np.sqrt((left @ left) * (right @ right))
    return float(left @ right / scale) if scale > 0 else 0.0
