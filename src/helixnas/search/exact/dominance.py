"""Pareto dominance among candidates or partial architectures that end in the same width.

a removes b if a is no worse in everything that counts and precedes b in the order of ties. The rows come in that order,
so the question is: is there an *earlier* row that is no larger in every column? One column needs a running minimum, two
a staircase, more an index of the rows kept so far (`orthant`). For the k best, it takes k such a to remove b: peeling k
fronts keeps every row that has fewer than k, because a row of the j-th front has at least j - 1.
"""

import numpy as np

from helixnas.search.exact.orthant import OrthantIndex
from helixnas.search.instance import Ints, Mask

CHUNK = 512
"""Rows that are compared with each other at once."""

EARLIER = np.triu(np.ones((CHUNK, CHUNK), dtype=np.bool_), 1)
"""Which row comes before which, in a chunk."""


def undominated(columns: Ints, *, classes: Ints | None = None, copies: int = 1) -> Mask:
    """Return which rows have fewer than `copies` earlier rows that are no larger in every column, or could have.

    The rows of `columns` stand in the order of ties. Rows of different `classes`, integers from 0, do not remove each other.

    >>> undominated(np.array([[5], [7], [5], [4]])).tolist()
    [True, False, False, True]
    >>> undominated(np.array([[5], [7], [5], [4]]), copies=2).tolist()
    [True, True, True, True]
    """
    rows = len(columns)
    if classes is None or rows == 0:
        return _peel(columns, copies)
    order = np.argsort(classes, kind="stable")
    kept = np.empty(rows, dtype=np.bool_)
    kept[order] = _peel(_separate(columns[order], classes[order]), copies)
    return kept


def _separate(columns: Ints, classes: Ints) -> Ints:
    """Return columns in which no row of one class is as small as a row of a later class; rows stand by class."""
    first = columns[:, :1] if columns.shape[1] else np.zeros((len(columns), 1), np.int64)
    low, high, largest = int(first.min()), int(first.max()), int(classes[-1])
    if (high - low + 1) * (largest + 1) >= 2**62:
        first = np.unique(first[:, 0], return_inverse=True)[1].reshape(-1, 1)
        classes = np.cumsum(np.diff(classes, prepend=classes[0]) > 0, dtype=np.int64)
        low, high = 0, len(first)
    apart = first - low - classes[:, None] * (high - low + 1)
    return np.concatenate([apart, columns[:, 1:]], axis=1)


def _peel(columns: Ints, copies: int) -> Mask:
    kept = np.zeros(len(columns), dtype=np.bool_)
    left = np.arange(len(columns))
    for _ in range(copies):
        front: Mask = _front(columns[left])
        kept[left[front]] = True
        left = left[np.logical_not(front)]
        if not len(left):
            break
    return kept


def _front(columns: Ints) -> Mask:
    match columns.shape[1]:
        case 0:
            return np.arange(len(columns)) == 0
        case 1:
            return _below_running_minimum(columns[:, 0])
        case 2:
            return _below_staircase(columns[:, 0], columns[:, 1])
        case _:
            return _below_kept(columns)


def _below_running_minimum(values: Ints) -> Mask:
    kept = np.ones(len(values), dtype=np.bool_)
    kept[1:] = values[1:] < np.minimum.accumulate(values)[:-1]
    return kept


def _below_staircase(first: Ints, second: Ints) -> Mask:
    """Two columns: the rows kept so far are a staircase, so a row is looked up by its first column alone."""
    kept = np.zeros(len(first), dtype=np.bool_)
    step_at = np.empty(0, np.int64)
    step_height = np.empty(0, np.int64)
    for start in range(0, len(first), CHUNK):
        x, y = first[start : start + CHUNK], second[start : start + CHUNK]
        step = np.searchsorted(step_at, x, side="right") - 1
        left = np.flatnonzero((step < 0) | (step_height[step] > y)) if len(step_at) else np.arange(len(x))
        left = left[_pairwise(np.stack([x[left], y[left]], axis=1))]
        if not len(left):
            continue
        kept[start + left] = True
        step_at, step_height = np.concatenate([step_at, x[left]]), np.concatenate([step_height, y[left]])
        order = np.lexsort((step_height, step_at))
        order = order[_below_running_minimum(step_height[order])]
        step_at, step_height = step_at[order], step_height[order]
    return kept


def _below_kept(columns: Ints) -> Mask:
    """Three columns and more: an index of the rows kept so far, rebuilt when many are new."""
    kept = np.zeros(len(columns), dtype=np.bool_)
    index: OrthantIndex | None = None
    new = columns[:0]
    for start in range(0, len(columns), CHUNK):
        chunk = columns[start : start + CHUNK]
        left = np.arange(len(chunk))
        if index is not None:
            left = np.flatnonzero(np.logical_not(index.any_no_larger(chunk)))
        for first in range(0, len(new), CHUNK):
            left = left[np.logical_not(np.any(_no_larger(new[first : first + CHUNK], chunk[left]), axis=0))]
        left = left[_pairwise(chunk[left])]
        kept[start + left] = True
        new = np.concatenate([new, chunk[left]])
        if len(new) > max(2 * CHUNK, (0 if index is None else len(index.points)) // 16):
            index = OrthantIndex(columns[np.flatnonzero(kept[: start + CHUNK])])
            new = columns[:0]
    return kept


def _no_larger(earlier: Ints, later: Ints) -> Mask:
    """Return (earlier, later): whether the one is no larger than the other in every column."""
    no_larger = earlier[:, None, 0] <= later[None, :, 0]
    for column in range(1, earlier.shape[1]):
        no_larger &= earlier[:, None, column] <= later[None, :, column]
    return no_larger


def _pairwise(columns: Ints) -> Mask:
    """Compare each row with every earlier one."""
    no_larger = _no_larger(columns, columns)
    no_larger &= EARLIER[: len(columns), : len(columns)]
    return np.logical_not(np.any(no_larger, axis=0))
