"""Regions: the rectangle of a weight that a slice uses.

Slices of several paths overlap. `disjoint` cuts their union into parts, so that an optimiser touches every weight of the
union once, and nothing outside.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import pairwise

from torch import Tensor

Region = tuple[tuple[int, int], ...]
"""First and end index in every dimension of a tensor."""


def region_of(shape: Sequence[int], whole: Sequence[int], *, suffix: bool = False) -> Region:
    """Return the first indices of every dimension of a tensor of shape `whole`, or the last ones, as many as in `shape`.

    >>> region_of((2, 3), (4, 3)), region_of((2, 3), (4, 3), suffix=True)
    (((0, 2), (0, 3)), ((2, 4), (0, 3)))
    """
    pairs = zip(shape, whole, strict=True)
    return tuple((size - number, size) if suffix else (0, number) for number, size in pairs)


def whole_region(tensor: Tensor) -> Region:
    """Return the region of all of a tensor."""
    return region_of(tensor.shape, tensor.shape)


def view_of(tensor: Tensor, region: Region) -> Tensor:
    """Return the view of a tensor's region; the tensor itself if that is all of it."""
    for dim, (start, end) in enumerate(region):
        if end - start < tensor.shape[dim]:
            tensor = tensor.narrow(dim, start, end - start)
    return tensor


def disjoint(regions: Iterable[Region]) -> tuple[Region, ...]:
    """Return regions that do not overlap and have the same union.

    >>> disjoint([((0, 2), (0, 4)), ((0, 4), (0, 2))])
    (((0, 2), (0, 4)), ((2, 4), (0, 2)))
    """
    return _disjoint(frozenset(regions))


@lru_cache(maxsize=4096)
def _disjoint(regions: frozenset[Region]) -> tuple[Region, ...]:
    if len(regions) == 1 or () in regions:
        return tuple(sorted(regions))
    edges = sorted({edge for region in regions for edge in region[0]})
    strips: list[tuple[int, int, tuple[Region, ...]]] = []
    for start, end in pairwise(edges):
        covering = frozenset(region[1:] for region in regions if region[0][0] <= start and end <= region[0][1])
        inner = _disjoint(covering)
        if strips and strips[-1][1:] == (start, inner):
            start = strips.pop()[0]
        strips.append((start, end, inner))
    return tuple(((start, end), *rest) for start, end, inner in strips for rest in inner)
