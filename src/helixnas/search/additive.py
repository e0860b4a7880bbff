"""An additive fit: values measured on a few whole networks, explained by the layers of each block, so that they add up (Eq. 4).

The exact search needs a number per path. A proxy or a short training gives one per network. Ridge regression on the layers of
each block turns the latter into the former: every network of the space gets a value, and the search stays exact.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.rating_table import RatingTable
from helixnas.errors import ArtifactError, ConfigError
from helixnas.space import Architecture, Path, SearchSpace

Matrix = npt.NDArray[np.float64]

PENALTIES = tuple(float(value) for value in np.logspace(-3, 3, 25))
"""Penalties to choose from, relative to the number of networks."""

LEAST_NETWORKS = 3
"""Fewest networks for a fit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AdditiveFit:
    """Values of paths whose sums come nearest to measured values of networks."""

    paths: tuple[Matrix, ...]
    """Per block, a value per row of the cost table; as the measured values, higher or lower is better."""

    predicted: Matrix
    """Per measured network, the prediction of a fit without it."""

    correlation: float
    """Pearson correlation of these predictions with the measured values; 0 where either is constant."""

    penalty: float
    """The ridge penalty, that with the smallest leave-one-out error."""


def fit_additive(
    space: SearchSpace, costs: CostTable, architectures: Sequence[Architecture], values: npt.ArrayLike
) -> AdditiveFit:
    """Fit path values to `values`, one per architecture, by ridge regression with the leave-one-out penalty.

    A path is described by its cell and by the operation of each layer; each operation also counts once per block and once per
    network, so that what is common to all layers is learned from few networks. Sums of path values are predictions less their
    mean. Raises `ConfigError` for fewer than three networks or values that are not finite.
    """
    measured = np.asarray(values, dtype=np.float64)
    if len(architectures) < LEAST_NETWORKS:
        raise ConfigError(f"an additive fit needs at least {LEAST_NETWORKS} networks, not {len(architectures)}")
    if not np.isfinite(measured).all():
        wrong = architectures[int(np.flatnonzero(~np.isfinite(measured))[0])]
        raise ConfigError(f"the value of network {wrong.text!r} is not a finite number, so none can be fitted")
    names: dict[str, int] = {}
    rows = [
        _one_hot([_features(number, path) for path in block.paths()], names)
        for number, block in enumerate(space.blocks, start=1)
    ]
    rows = [np.pad(each, ((0, 0), (0, len(names) - each.shape[1]))) for each in rows]
    index = [{path.text: row for row, path in enumerate(block.paths())} for block in space.blocks]
    design = np.array(
        [
            np.sum([each[at[path.text]] for each, at, path in zip(rows, index, one.paths, strict=True)], axis=0)
            for one in architectures
        ]
    )
    weights, predicted, penalty = _ridge(design, measured)
    centre = design.mean(axis=0) / len(rows)
    tables = [(each - centre) @ weights for each in rows]
    return AdditiveFit(
        paths=tuple(
            values[[index[block][costs.path[row]] for row in costs.rows(block + 1)]]
            for block, values in enumerate(tables)
        ),
        predicted=predicted,
        correlation=_correlation(predicted, measured),
        penalty=penalty,
    )


def beside(table: RatingTable, other: RatingTable) -> RatingTable:
    """Return a table with the scores of another one of the same paths, each the same on all batches.

    Raises `ArtifactError` if the other table is of other paths.
    """
    same = table.path == other.path and np.array_equal(table.previous_width, other.previous_width)
    if not same:
        raise ArtifactError(
            f"ratings and proxies of block {table.block} are of different spaces; score the proxies again"
        )
    shape = len(table), len(table.batch_sizes)
    added = {name: np.broadcast_to(other.mean(name)[:, None], shape) for name in other.scores}
    return replace(table, scores={**table.scores, **added})


def _features(block: int, path: Path) -> Iterator[tuple[str, float]]:
    """Yield what describes a path: its cell, the operation of each layer, and counts of each operation."""
    yield f"{block}:{path.width}:{path.depth}", 1.0
    for number, operation in enumerate(path.operations):
        yield f"{block}.{number}:{operation.name}", 1.0
        yield f"{block}:{operation.name}", 1.0
        yield operation.name, 1.0


def _one_hot(described: Sequence[Iterator[tuple[str, float]]], names: dict[str, int]) -> Matrix:
    """Return (paths, features so far): the sum of each feature; new ones are added to `names`."""
    entries = [
        (row, names.setdefault(name, len(names)), value) for row, own in enumerate(described) for name, value in own
    ]
    matrix = np.zeros((len(described), len(names)))
    for row, column, value in entries:
        matrix[row, column] += value
    return matrix


def _ridge(design: Matrix, values: Matrix) -> tuple[Matrix, Matrix, float]:
    """Return weights, leave-one-out predictions and penalty of the ridge regression with the smallest such error.

    The intercept is the mean and carries no penalty. With the hat matrix H, the prediction without row i is
    y_i - (y_i - H y_i) / (1 - H_ii).
    """
    number = len(design)
    centred, residual = design - design.mean(axis=0), values - values.mean()
    left, singular, right = np.linalg.svd(centred, full_matrices=False)
    best: tuple[float, Matrix, Matrix, float] | None = None
    for penalty in PENALTIES:
        shrink = singular**2 / (singular**2 + penalty * number)
        fitted = left @ (shrink * (left.T @ residual))
        leverage = 1 / number + np.einsum("ij,j,ij->i", left, shrink, left)
        without = values - (residual - fitted) / np.maximum(1 - leverage, 1e-9)
        error = float(np.mean((values - without) ** 2))
        if best is None or error < best[0]:
            weights = right.T @ (singular / (singular**2 + penalty * number) * (left.T @ residual))
            best = error, weights, without, penalty
    assert best is not None
    return best[1:]


def _correlation(predicted: Matrix, measured: Matrix) -> float:
    if np.ptp(predicted) == 0 or np.ptp(measured) == 0:
        return 0.0
    return float(np.corrcoef(predicted, measured)[0, 1])
