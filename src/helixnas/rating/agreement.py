"""Agreement of two rankings, with intervals: a correlation is shown with those of size on the same networks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Agreement:
    """Rank correlations of a predictor with a measured quality, with 95 % bootstrap intervals over networks."""

    kendall: float
    """Kendall tau-b, -1 .. 1."""

    kendall_interval: tuple[float, float]
    """95 % interval of tau."""

    spearman: float
    """Spearman rho, -1 .. 1."""

    spearman_interval: tuple[float, float]
    """95 % interval of rho."""

    def to_dict(self) -> dict[str, float | tuple[float, float]]:
        """Return the figures as plain values."""
        return asdict(self)


def agreement(predicted: FloatArray, measured: FloatArray, *, seed: int = 0, num_resamples: int = 1000) -> Agreement:
    """Return how far two quantities rank networks alike; both must point the same way (higher is better).

    A constant predictor ranks nothing: its correlation is 0.

    >>> round(agreement(np.arange(8.0), np.arange(8.0) ** 2).kendall, 6)
    1.0
    """
    rng = np.random.default_rng(seed)
    rows = rng.integers(len(predicted), size=(num_resamples, len(predicted)))
    taus = [_kendall(predicted[row], measured[row]) for row in rows]
    rhos = [_spearman(predicted[row], measured[row]) for row in rows]
    return Agreement(
        kendall=_kendall(predicted, measured),
        kendall_interval=_interval(taus),
        spearman=_spearman(predicted, measured),
        spearman_interval=_interval(rhos),
    )


def partial_spearman(predicted: FloatArray, measured: FloatArray, controls: Mapping[str, FloatArray]) -> float:
    """Return the Spearman correlation that is left when the controls' ranks explain what they can of both.

    Ranks of both are regressed on the ranks of the controls; the residuals are correlated. 0 where nothing is left.

    >>> size = np.array([1.0, 2.0, 3.0, 4.0])
    >>> partial_spearman(size, size, {"macs": size})
    0.0
    """
    design = np.column_stack([np.ones(len(predicted)), *(stats.rankdata(values) for values in controls.values())])
    left = [_residual(design, stats.rankdata(values)) for values in (predicted, measured)]
    scale = np.sqrt((left[0] @ left[0]) * (left[1] @ left[1]))
    return float(left[0] @ left[1] / scale) if scale > 1e-9 * len(predicted) else 0.0


def _residual(design: FloatArray, ranks: FloatArray) -> FloatArray:
    return ranks - design @ np.linalg.lstsq(design, ranks, rcond=None)[0]


def _kendall(a: FloatArray, b: FloatArray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    result: Any = stats.kendalltau(a, b)
    return float(result.statistic)


def _spearman(a: FloatArray, b: FloatArray) -> float:
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return 0.0
    result: Any = stats.spearmanr(a, b)
    return float(result.statistic)


def _interval(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, (0.025, 0.975))
    return float(low), float(high)
