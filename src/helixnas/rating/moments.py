"""Moments: the scores of one distillation at several moments, added up, so that the noise of each counts less (decision 0016)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helixnas.artifacts.rating_table import RatingTable, spread_of_sums


def add_moments(moments: Sequence[Sequence[RatingTable]]) -> tuple[RatingTable, ...]:
    """Return, per block, the mean of the scores at all moments, in units of the last one.

    At each moment a kind of score is divided by its spread over the space: the standard deviation of its sum over an architecture
    drawn uniformly, with blocks as independent. Batches stay apart, so all moments must be rated on the same ones.

    >>> def table(score: list[float]) -> RatingTable:
    ...     values = np.array([[each] for each in score])
    ...     one = {"block": 1, "previous_width": np.array([8, 8]), "width": np.array([8, 8])}
    ...     return RatingTable(**one, path=("a", "b"), batch_sizes=np.array([4]), scores={"relative_l1": values})
    >>> add_moments([[table([0.0, 8.0])], [table([1.0, 2.0])]])[0].mean("relative_l1").tolist()
    [0.5, 1.5]
    """
    last = moments[-1]
    if len(moments) == 1:
        return tuple(last)
    factors = {
        name: [spread_of_sums(last, name) / (spread_of_sums(each, name) or 1.0) for each in moments]
        for name in last[0].scores
    }
    return tuple(
        replace(
            tables[-1],
            scores={
                name: np.mean(
                    [factor * table.batches(name) for factor, table in zip(factors[name], tables, strict=True)], axis=0
                )
                for name in tables[-1].scores
            },
        )
        for tables in zip(*moments, strict=True)
    )
