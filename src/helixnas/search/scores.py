"""Combines several scores of a path into one, so that the search adds up a single number per path (Eq. 4).

Scores of different kinds have different units, so each is divided by its spread over the space: the standard deviation
of its sum over an architecture drawn uniformly. Nothing is fitted to accuracies. A single score is used as it is.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from helixnas.artifacts.rating_table import RatingTable, spread_of_sums
from helixnas.errors import ConfigError
from helixnas.search.tables import Tables

COMBINED = "combined"


def score_coefficients(ratings: Sequence[RatingTable], names: Sequence[str]) -> dict[str, float]:
    """Return the factor of each score in the sum: 1 for a single score, else 1 / its spread.

    Raises:
        ConfigError: a score is named twice, or is the same for all paths.
        UnknownNameError: a score was not rated.
    """
    if len(set(names)) < len(names) or not names:
        raise ConfigError(f"scores to combine must be named once each, and at least one, not {list(names)}")
    spreads = {name: spread_of_sums(ratings, name) for name in names}
    if len(names) == 1:
        return {names[0]: 1.0}
    for name, spread in spreads.items():
        if not spread > 0:
            raise ConfigError(f"score {name} is the same for every path, so it cannot be combined with others")
    return {name: 1 / spread for name, spread in spreads.items()}


def scored(tables: Tables, names: Sequence[str]) -> tuple[Tables, dict[str, float]]:
    """Return tables with the named scores, or the first, combined, and the coefficients; raises as `score_coefficients`."""
    factors = score_coefficients(tables.ratings, names or tuple(tables.ratings[0].scores)[:1])
    return replace(tables, ratings=combine_scores(tables.ratings, factors)), factors


def combine_scores(ratings: Sequence[RatingTable], coefficients: Mapping[str, float]) -> tuple[RatingTable, ...]:
    """Return tables with a single score ``combined``: per batch, the weighted sum of the rated scores.

    >>> import numpy as np
    >>> table = RatingTable(
    ...     block=1,
    ...     previous_width=np.array([16, 16]),
    ...     path=("24:mb3_k3", "24:mb3_k5"),
    ...     width=np.array([24, 24]),
    ...     batch_sizes=np.array([2]),
    ...     scores={"a": np.array([[1.0], [2.0]]), "b": np.array([[0.5], [0.25]])},
    ... )
    >>> combine_scores([table], {"a": 1.0, "b": 4.0})[0].mean("combined").tolist()
    [3.0, 3.0]
    """
    return tuple(
        replace(table, scores={COMBINED: sum(table.batches(name) * factor for name, factor in coefficients.items())})
        for table in ratings
    )
