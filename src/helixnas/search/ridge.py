"""Ridge regression with the leave-one-out penalty, and every pair of rows predicted by a fit without both.

A prediction of row i by a fit to the others contradicts the row where nothing can be learned: it is near the mean of the others,
which is the lower, the higher row i is. Without rows i and j, their predicted difference knows neither, so for noise it agrees
with the true difference as often as not (leave-pair-out; Airola et al., *Computational Statistics & Data Analysis* 55, 2011).
That holds for the whole fit: the penalty, too, is chosen without the pair.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Matrix = npt.NDArray[np.float64]

PENALTIES = tuple(float(value) for value in np.logspace(-3, 3, 25))
"""Penalties to choose from, relative to the number of rows."""

LEAST = 1e-9
"""Differences below this share of the spread of the values count as none; 1 - leverage counts as at least this."""


MOST_ROWS = 150
"""With more rows, pairs keep the penalty of all rows: two of so many hardly change it, and time grows with their cube."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ridge:
    """A fit of values by the rows of a design, and by a prior whose slope carries no penalty."""

    weights: Matrix
    """A value per column of the design."""

    penalty: float
    """That with the smallest leave-one-out error, relative to the number of rows."""

    slope: float
    """Factor of the prior; 0 where it is the same for every row."""

    differences: Matrix
    """(rows, rows): the predicted value of the first less that of the second, by a fit without both."""

    slopes: Matrix
    """(rows, rows): the slope in that fit."""


def fit_ridge(design: Matrix, values: Matrix, prior: Matrix) -> Ridge:
    """Fit `values` by the rows of `design` and a `prior`.

    Intercept and slope of the prior carry no penalty, so both are projected out of the rest.
    """
    number = len(design)
    free = np.column_stack([np.ones(number), prior - prior.mean()])
    basis, diagonal = np.linalg.qr(free if np.ptp(prior) > 0 else free[:, :1])
    left, singular, right = np.linalg.svd(design - basis @ (basis.T @ design), full_matrices=False)
    inverses = singular / (singular**2 + number * np.array(PENALTIES)[:, None])
    hats = basis @ basis.T + (left * (singular * inverses)[:, None]) @ left.T
    leverage = np.minimum(np.einsum("pii->pi", hats), 1 - LEAST)
    best = int(np.argmin((((values - hats @ values) / (1 - leverage)) ** 2).mean(axis=1)))
    slopes_of = np.zeros((len(PENALTIES), number))  # the slope as a linear function of the values
    if basis.shape[1] > 1:
        own = basis @ np.linalg.solve(diagonal.T, np.array([0.0, 1.0]))
        slopes_of = own - (inverses * (right @ (design.T @ own))) @ left.T
    kept = slice(None) if number <= MOST_ROWS else slice(best, best + 1)
    differences, slopes = _without_pairs(hats[kept], slopes_of[kept], values)
    return Ridge(
        weights=right.T @ (inverses[best] * (left.T @ values)),
        penalty=PENALTIES[best],
        slope=float(slopes_of[best] @ values),
        differences=differences,
        slopes=slopes,
    )


def _without_pairs(hats: Matrix, slopes_of: Matrix, values: Matrix) -> tuple[Matrix, Matrix]:
    """Return predicted differences and slopes by fits without both rows, each with the best of the penalties without both.

    `hats` are (penalties, rows, rows), `slopes_of` (penalties, rows). 0 where the other rows determine no fit.
    """
    own, left = 1 - np.einsum("pii->pi", hats), values - hats @ values
    determinant = own[:, :, None] * own[:, None] - hats**2
    is_pair = ~np.eye(len(values), dtype=bool)
    inverse = np.where((determinant > LEAST) & is_pair, 1 / np.maximum(determinant, LEAST), 0.0)
    residual = (own[:, None] * left[:, :, None] + hats * left[:, None]) * inverse  # at (p, i, j): of i, without i and j
    errors = _errors_without_pairs(hats, own, left, inverse, residual) if len(hats) > 1 else np.zeros_like(hats)
    errors = np.where(inverse > 0, errors, np.inf)
    best, determined = errors.argmin(axis=0)[None], (inverse > 0).any(axis=0)
    told, changes = values[:, None] - residual, slopes_of[:, :, None] * residual
    slopes = (slopes_of @ values)[:, None, None] - changes - changes.transpose(0, 2, 1)
    found = (told - told.transpose(0, 2, 1), slopes)
    differences, slopes = (
        np.triu(np.where(determined, np.take_along_axis(each, best, axis=0)[0], 0.0)) for each in found
    )
    differences[np.abs(differences) <= LEAST * np.ptp(values)] = 0.0
    return differences - differences.T, slopes + slopes.T


def _errors_without_pairs(hats: Matrix, own: Matrix, left: Matrix, inverse: Matrix, residual: Matrix) -> Matrix:
    """Return at (p, i, j) the summed squared leave-one-out error of the other rows in a fit without i and j.

    Without rows S, the residual of row k is e_k + H_kS r_S and its leverage H_kk + H_kS (I - H_SS)^-1 H_Sk.
    """
    errors = np.empty_like(hats)
    for i in range(hats.shape[1]):  # (p, j, k) below
        row = hats[:, i, None, :]
        remaining = left[:, None] + residual[:, i, :, None] * row + residual[:, :, i, None] * hats
        crossed = own[:, :, None] * row**2 + 2 * hats[:, i, :, None] * row * hats + own[:, i, None, None] * hats**2
        room = np.maximum(own[:, None] - inverse[:, i, :, None] * crossed, LEAST)
        squared = (remaining / room) ** 2
        squared[:, :, i] = 0.0
        squared[:, np.arange(len(own[0])), np.arange(len(own[0]))] = 0.0
        errors[:, i] = squared.sum(axis=2)
    return errors
