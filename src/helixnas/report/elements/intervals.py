"""Intervals: of a share of images, and the coverage of two standard errors estimated from few batches."""

import math
from typing import Any

Z95 = 1.959963984540054
"""Two-sided 95 % quantile of the normal distribution."""


def wilson_interval(share: float, number: int) -> tuple[float, float]:
    """Return Wilson's 95 % score interval of a share seen on `number` images (Wilson 1927); it stays inside 0 .. 1.

    Raises `ValueError` if the share is outside 0 .. 1, or there are no images.

    >>> low, high = wilson_interval(0.5, 100)
    >>> round(low, 4), round(high, 4)
    (0.4038, 0.5962)
    """
    if not 0.0 <= share <= 1.0 or number < 1:
        raise ValueError(f"a share in 0 .. 1 of at least one image is needed, not {share} of {number}")
    shrink = 1.0 + Z95**2 / number
    middle = (share + Z95**2 / (2 * number)) / shrink
    reach = Z95 * math.sqrt(share * (1.0 - share) / number + Z95**2 / (4 * number**2)) / shrink
    return max(0.0, middle - reach), min(1.0, middle + reach)


def coverage_of_two_standard_errors(num_batches: int) -> float:
    """Return how often mean +- 2 standard errors hold the truth, where the error is estimated from few batches.

    Student's t with `num_batches` - 1 degrees of freedom; 95.4 % only in the limit of many batches.

    >>> round(coverage_of_two_standard_errors(2), 3)
    0.705
    """
    from scipy import stats  # takes longer to import than everything else on a page without this figure

    return float(1.0 - 2.0 * stats.t.sf(2.0, num_batches - 1))


def accuracy_texts(accuracy: Any, number: Any) -> tuple[str, str, str]:
    """Return an accuracy, Wilson's 95 % interval and the number of images, or dashes where it was not measured.

    >>> accuracy_texts(0.5, 100)
    ('50.00 %', '40.4 to 59.6 %', '100')
    """
    if accuracy is None or not number:
        return "\u2013", "\u2013", "\u2013"
    low, high = wilson_interval(float(accuracy), int(number))
    digits = 1 if high - low > 0.005 else 2
    return f"{100 * accuracy:.2f} %", f"{100 * low:.{digits}f} to {100 * high:.{digits}f} %", f"{int(number):,}"
