"""An additive fit: values measured on a few whole networks, explained by the layers of each block, so that they add up (Eq. 4).

The exact search needs a number per path. A proxy or a short training gives one per network. Ridge regression on the layers of
each block turns the latter into the former: every network of the space gets a value, and the search stays exact.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import Estimate, paired_kendall
from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.rating_table import RatingTable, rows_of, summed
from helixnas.errors import ArtifactError, ConfigError
from helixnas.search.ridge import Matrix, fit_ridge
from helixnas.search.tables import score_tables
from helixnas.space import Architecture, Path, SearchSpace

LEAST_NETWORKS = 3
"""Fewest networks for a fit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AdditiveFit:
    """Values of paths whose sums come nearest to measured values of networks."""

    paths: tuple[Matrix, ...]
    """Per block, a value per row of the cost table; as the measured values, higher or lower is better."""

    differences: Matrix
    """(networks, networks): how far the first is predicted above the second, by a fit without both."""

    kendall: Estimate
    """Kendall's tau-b of these differences with the measured ones; about 0 where nothing can be learned.

    The penalty, and whether the prior is used, are chosen again without each pair.
    """

    penalty: float
    """The ridge penalty, that with the smallest leave-one-out error."""

    slope: float
    """Factor of the prior; 0 without one."""


def fit_additive(
    space: SearchSpace,
    costs: CostTable,
    architectures: Sequence[Architecture],
    values: npt.ArrayLike,
    *,
    prior: Sequence[RatingTable] = (),
) -> AdditiveFit:
    """Fit path values to `values`, one per architecture, by ridge regression with the leave-one-out penalty.

    A path is described by its cell, by the operation of each layer and by the logarithms of the operation's numbers, such as
    kernel, expansion or hidden channels. All but the cell also counts once per block and once per network. So what is common to
    all layers, and what grows steadily with a width, is learned from few networks.

    The first scores of a `prior` (lower is better) enter without a penalty where higher `values` are better: the fit then learns
    how far networks are from what their scores say. A prior that the values contradict is left out. Sums of path values are
    predictions less their mean.

    Raises `ConfigError` for fewer than three networks or values that are not finite.
    """
    measured = np.asarray(values, dtype=np.float64)
    if len(architectures) < LEAST_NETWORKS:
        raise ConfigError(f"an additive fit needs at least {LEAST_NETWORKS} networks, not {len(architectures)}")
    if not np.isfinite(measured).all():
        wrong = architectures[int(np.flatnonzero(~np.isfinite(measured))[0])]
        raise ConfigError(f"the value of network {wrong.text!r} is not a finite number, so none can be fitted")
    rows = layer_features(space, costs)
    chosen = rows_of(score_tables(costs, {"any": [np.zeros(len(each)) for each in rows]}), architectures)
    design = np.sum([each[chosen[:, block]] for block, each in enumerate(rows)], axis=0)
    nothing = np.zeros(len(measured))
    guess = -summed(prior, architectures) if prior else nothing
    plain = fit_ridge(design, measured, nothing)
    guided = fit_ridge(design, measured, guess) if prior else plain
    found = guided if guided.slope >= 0 else plain
    differences = np.where(guided.slopes >= 0, guided.differences, plain.differences)  # as without the pair
    centre = design.mean(axis=0) / len(rows)
    paths = [(each - centre) @ found.weights for each in rows]
    if found.slope > 0:
        middle = guess.mean() / len(rows)
        paths = [each + found.slope * (-table.mean() - middle) for each, table in zip(paths, prior, strict=True)]
    return AdditiveFit(
        paths=tuple(paths),
        differences=differences,
        kendall=paired_kendall(differences, measured),
        penalty=found.penalty,
        slope=found.slope,
    )


def layer_features(space: SearchSpace, costs: CostTable) -> list[Matrix]:
    """Return per block (rows of the cost table, features): what describes a path; a network is described by the sum."""
    names: dict[str, int] = {}
    found: list[Matrix] = []
    for number, block in enumerate(space.blocks, start=1):
        texts = {path.text: row for row, path in enumerate(block.paths())}
        of_paths = _one_hot([_features(number, path) for path in block.paths()], names)
        found.append(of_paths[[texts[costs.path[row]] for row in costs.rows(number)]])
    return [np.pad(each, ((0, 0), (0, len(names) - each.shape[1]))) for each in found]


def beside(table: RatingTable, other: RatingTable) -> RatingTable:
    """Return a table with the scores of another one of the same paths, each the same on all batches.

    Raises `ArtifactError` if the other table is of other paths.
    """
    same = table.path == other.path and np.array_equal(table.previous_width, other.previous_width)
    if not same:
        raise ArtifactError(
            f"{', '.join(table.scores)} and {', '.join(other.scores)} of block {table.block} are of different spaces; redo them"
        )
    shape = len(table), len(table.batch_sizes)
    added = {name: np.broadcast_to(other.mean(name)[:, None], shape) for name in other.scores}
    return replace(table, scores={**table.scores, **added})


def _features(block: int, path: Path) -> Iterator[tuple[str, float]]:
    """Yield what describes a path: its cell, and per layer the operation and the logarithms of the operation's numbers."""
    yield f"{block}:{path.width}:{path.depth}", 1.0
    yield f"{block}:log width", math.log2(path.width)
    yield "log width", math.log2(path.width)
    for number, operation in enumerate(path.operations):
        amounts = [(name, value) for name, value in operation.options if type(value) in (int, float)]
        logs = [(f"log {name}", math.log2(float(value))) for name, value in amounts if float(value) > 0]
        for name, value in ((operation.name, 1.0), *logs):
            yield f"{block}.{number}:{name}", value
            yield f"{block}:{name}", value
            yield name, value


def _one_hot(described: Sequence[Iterator[tuple[str, float]]], names: dict[str, int]) -> Matrix:
    """Return (paths, features so far): the sum of each feature; new ones are added to `names`."""
    entries = [
        (row, names.setdefault(name, len(names)), value) for row, own in enumerate(described) for name, value in own
    ]
    matrix = np.zeros((len(described), len(names)))
    for row, column, value in entries:
        matrix[row, column] += value
    return matrix
