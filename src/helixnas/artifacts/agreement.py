"""Agreement of two rankings: correlations with bootstrap intervals.

Intervals are percentiles of a bootstrap over *networks*. A benchmark may list one network under several names; such rows
are drawn together, because as independent rows they would make the intervals too narrow.
"""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

Interval = tuple[float, float]
"""Lower and upper end."""


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
    resampled = np.array([correlations(predicted[rows], measured[rows]) for rows in drawn])
    return Agreement.of(correlations(predicted, measured), resampled)


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
        agreed, told, ranked = (
            ((counts @ each) * counts).sum(axis=1) for each in (predicted * true, predicted**2, true**2)
        )
        return agreed / np.maximum(np.sqrt(told * ranked), 1.0)  # at least one pair, if there is any

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
    resampled = [
        partial_spearman(predicted[rows], measured[rows], {name: values[rows] for name, values in controls.items()})
        for rows in drawn
    ]
    return Estimate(partial_spearman(predicted, measured, controls), interval(np.array(resampled)))


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
