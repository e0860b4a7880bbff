"""An index that answers, for three columns and more: is any point no larger than a query in every column?

Each column is cut into cells of equally many points, and a set of bits per cut says which points lie at or below it. A
query rounds down to a cut in every column: a bit in all of these sets is a point that is certainly no larger. If there
is none, it rounds up instead, and the points with all bits are compared.
"""

import numpy as np

from helixnas.search.instance import Ints, Mask

WORD = 64

NUM_QUERIES = 256


class OrthantIndex:
    """Points, indexed for comparison with queries.

    >>> index = OrthantIndex(np.array([[1, 5, 2], [4, 0, 2]]))
    >>> index.any_no_larger(np.array([[1, 5, 2], [4, 4, 9], [3, 4, 9]])).tolist()
    [True, True, False]
    """

    def __init__(self, points: Ints) -> None:
        self.points = points
        num_cells = int(np.clip(len(points) // 128, 2, 256))
        self.cuts: list[Ints] = []
        self.below: list[np.ndarray] = []
        for values in points.T:
            order = np.argsort(values, kind="stable")
            ranked = values[order]
            last = (np.arange(1, num_cells + 1) * len(points)) // num_cells - 1
            ends = np.unique(np.searchsorted(ranked, ranked[last], side="right"))
            bits = np.zeros((len(ends) + 1, -(-len(points) // WORD) * WORD), np.uint8)
            bits[np.searchsorted(ends, np.arange(len(points)), side="right") + 1, order] = 1
            words = np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
            self.cuts.append(ranked[ends - 1])
            self.below.append(np.bitwise_or.accumulate(words, axis=0))

    def any_no_larger(self, queries: Ints) -> Mask:
        """Return for each query, a row, whether some point is no larger in every column."""
        found = np.zeros(len(queries), dtype=np.bool_)
        for first in range(0, len(queries), NUM_QUERIES):
            part = queries[first : first + NUM_QUERIES]
            found[first : first + len(part)] = self._any_no_larger(part)
        return found

    def _any_no_larger(self, queries: Ints) -> Mask:
        found: Mask = np.any(self._common(queries, 0), axis=1)
        unsure = np.flatnonzero(np.logical_not(found))
        possible = self._common(queries[unsure], 1)
        query, word = np.nonzero(possible)
        bits = np.unpackbits(possible[query, word].view(np.uint8).reshape(-1, 8), axis=1, bitorder="little")
        which, bit = np.nonzero(bits)
        query, point = unsure[query[which]], word[which] * WORD + bit
        no_larger = np.all(self.points[point] <= queries[query], axis=1)
        found[query[no_larger]] = True
        return found

    def _common(self, queries: Ints, up: int) -> np.ndarray:
        """Return the points at or below the cut before (`up` 0) or after (1) each query in every column, as bits."""
        common: np.ndarray | None = None
        for cuts, below, values in zip(self.cuts, self.below, queries.T, strict=True):
            cell = np.minimum(np.searchsorted(cuts, values, side="right") + up, len(cuts))
            common = below[cell] if common is None else np.bitwise_and(common, below[cell], out=common)
        assert common is not None, "an index needs columns"
        return common
