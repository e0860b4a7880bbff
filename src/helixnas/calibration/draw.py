"""Which networks to train: the most informative ones for an additive fit, among those that the scores prefer.

D-optimal design: each network added is the one whose value the fit would be least sure of, which maximises the determinant of the
information matrix greedily (Fedorov, *Theory of Optimal Experiments*, 1972).
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.rating_table import RatingTable, rows_of, summed
from helixnas.rating.stitching import sample_distinct
from helixnas.search.additive import layer_features
from helixnas.space import Architecture, SearchSpace

POOL = 4096
"""Random networks of the space to choose from."""

RIDGE = 0.5
"""Information of every direction before the first network."""


def informative_networks(
    space: SearchSpace,
    costs: CostTable,
    scores: Sequence[RatingTable],
    number: int,
    *,
    share: float,
    rng: np.random.Generator,
) -> list[Architecture]:
    """Return `number` different networks, in the order in which they inform an additive fit most; fewer if there are no more.

    They are of the best `share` by the sums of the first of `scores` (lower is better) of `POOL` random networks, or of the
    whole space if it is smaller.
    """
    pool = sample_distinct(space, POOL, rng)
    rows, score = rows_of(scores, pool), summed(scores, pool)
    kept = np.argsort(score, kind="stable")[: max(number, round(share * len(pool)))]
    features = [each[rows[kept, block]] for block, each in enumerate(layer_features(space, costs))]
    described = np.column_stack([score[kept], np.sum(features, axis=0)])
    return [pool[kept[index]] for index in most_informative(described, number)]


def most_informative(described: npt.NDArray[np.float64], number: int) -> list[int]:
    """Return `number` rows of (networks, features), chosen greedily for the largest determinant of the information matrix.

    Features count in units of their spread, beside a constant; of rows that inform equally, the first is taken.

    >>> most_informative(np.array([[0.0], [1.0], [10.0]]), 2)
    [2, 0]
    """
    spread = described.std(axis=0)
    varying = (described[:, spread > 0] - described[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    rows = np.column_stack([np.ones(len(described)), varying])
    inverse = np.eye(rows.shape[1]) / RIDGE
    chosen: list[int] = []
    for _ in range(min(number, len(rows))):
        variance = np.einsum("ij,jk,ik->i", rows, inverse, rows)
        variance[chosen] = -np.inf
        best = int(np.argmax(np.round(variance, 9)))
        step = inverse @ rows[best]
        inverse = inverse - np.outer(step, step) / (1 + rows[best] @ step)
        chosen.append(best)
    return chosen
