"""The chain of an instance under a budget: the rows that connect and can meet each limit, with bounds on the rest.

Between two blocks the only state is the width. So per boundary and width, the least and the most that the rest of the
chain adds to a resource are known exactly: the bounds of the dynamic program.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from helixnas.search.instance import Instance, InstanceBlock, Ints, Mask

UNREACHED = 2**61
"""Infinity: more than any total, and small enough to be added to one."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits by column of the costs."""

    upper: Mapping[int, int]
    lower: Mapping[int, int]


@dataclass(frozen=True, kw_only=True, eq=False)
class Ahead:
    """(widths, resources) bounds on what the rest of the chain adds at one boundary; 0 for resources without limits."""

    least: Ints
    most: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class Link:
    """The remaining candidates of one block: row in the instance's block, and indices of the widths received and given."""

    row: Ints
    start: Ints
    end: Ints
    score: Ints
    costs: Ints
    order: Ints

    def take(self, chosen: Ints | Mask) -> "Link":
        """Return only the chosen candidates."""
        return Link(**{name: column[chosen] for name, column in vars(self).items()})

    def __len__(self) -> int:
        return len(self.row)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chain:
    """Links in order, the bounds at the boundaries, and the numbers of candidates removed; see `Pruning`."""

    links: tuple[Link, ...]
    ahead: tuple[Ahead, ...]
    """Per boundary, what comes after it; the last holds zeros."""

    unconnected: int
    over_limit: int

    @property
    def num_architectures(self) -> float:
        """Number of architectures of the chain, to the precision of a float."""
        numbers = np.ones(1)
        for link, ahead in zip(self.links, self.ahead[1:], strict=True):
            numbers = np.bincount(link.end, numbers[link.start], minlength=len(ahead.least))
        return float(numbers.sum())

    @property
    def most_score(self) -> int:
        """Upper bound on the score of the chain's architectures."""
        return sum(int(link.score.max()) for link in self.links)

    def rows(self, places: Ints) -> Ints:
        """Return the row per block of the candidates at the given places."""
        return np.array([link.row[place] for link, place in zip(self.links, places, strict=True)])

    @property
    def is_empty(self) -> bool:
        """Whether a block has no candidate left."""
        return any(len(link) == 0 for link in self.links)


def build_chain(instance: Instance, limits: Limits) -> Chain:
    """Return the candidates that can be part of an architecture inside each limit taken alone, exactly."""
    is_max = instance.is_max
    columns = tuple(sorted({*limits.upper, *limits.lower}))
    links = _keep_reachable(_connect(instance.blocks))
    total, connected = sum(map(len, instance.blocks)), sum(map(len, links))
    ahead = _look_ahead(links, columns, is_max)
    if columns and all(map(len, links)):
        behind = _look_behind(links, columns, is_max)
        links = tuple(
            _take_where(link, _within(link, behind[number], ahead[number + 1], limits, is_max))
            for number, link in enumerate(links)
        )
        if sum(map(len, links)) < connected:
            links = _keep_reachable(links)
            ahead = _look_ahead(links, columns, is_max)
    over_limit = connected - sum(map(len, links))
    return Chain(links=links, ahead=ahead, unconnected=total - connected, over_limit=over_limit)


def combined(first: Ints, second: Ints | np.int64, is_max: bool) -> Ints:
    """Return the cost of two parts together."""
    return np.maximum(first, second) if is_max else first + second


def _connect(blocks: tuple[InstanceBlock, ...]) -> tuple[Link, ...]:
    """Number the widths of each boundary by what the block after it receives; drop what leads nowhere."""
    links: list[Link] = []
    start = np.zeros(len(blocks[0]), np.int64)
    for number, block in enumerate(blocks):
        if number + 1 < len(blocks):
            following = blocks[number + 1].width_in
            widths = np.unique(following)
            end = np.minimum(np.searchsorted(widths, block.width_out), len(widths) - 1)
            fits = widths[end] == block.width_out
            next_start = np.searchsorted(widths, following)
        else:
            end, fits, next_start = np.zeros(len(block), np.int64), np.ones(len(block), np.bool_), start
        row = np.arange(len(block))
        link = Link(row=row, start=start, end=end, score=block.score, costs=block.costs, order=block.order)
        links.append(link if fits.all() else link.take(fits))
        start = next_start
    return tuple(links)


def _keep_reachable(links: tuple[Link, ...]) -> tuple[Link, ...]:
    """Drop candidates that no start reaches or that reach no end."""
    kept: list[Link] = []
    reached = np.ones(1, np.bool_)
    for link in links:
        link = _take_where(link, reached[link.start])
        kept.append(link)
        reached = np.zeros(_num_widths(links, len(kept)), np.bool_)
        reached[link.end] = True
    for number in reversed(range(len(kept) - 1)):
        leads = np.zeros(_num_widths(links, number + 1), np.bool_)
        leads[kept[number + 1].start] = True
        kept[number] = _take_where(kept[number], leads[kept[number].end])
    return tuple(kept)


def _take_where(link: Link, chosen: Mask) -> Link:
    return link if chosen.all() else link.take(chosen)


def _num_widths(links: tuple[Link, ...], boundary: int) -> int:
    """Return how many width indices a boundary uses."""
    ends = links[boundary - 1].end if boundary else np.zeros(0, np.int64)
    starts = links[boundary].start if boundary < len(links) else np.zeros(0, np.int64)
    return 1 + max(int(ends.max(initial=0)), int(starts.max(initial=0)))


def _look_ahead(links: tuple[Link, ...], columns: tuple[int, ...], is_max: tuple[bool, ...]) -> tuple[Ahead, ...]:
    zeros = np.zeros((1, len(is_max)), np.int64)
    found = [Ahead(least=zeros, most=zeros)]
    for number in reversed(range(len(links))):
        link = links[number]
        found.append(_extreme(link, link.start, link.end, found[-1], _num_widths(links, number), columns, is_max))
    return tuple(reversed(found))


def _look_behind(links: tuple[Link, ...], columns: tuple[int, ...], is_max: tuple[bool, ...]) -> tuple[Ahead, ...]:
    zeros = np.zeros((1, len(is_max)), np.int64)
    found = [Ahead(least=zeros, most=zeros)]
    for number, link in enumerate(links):
        widths = _num_widths(links, number + 1)
        found.append(_extreme(link, link.end, link.start, found[-1], widths, columns, is_max))
    return tuple(found)


def _extreme(
    link: Link, near: Ints, far: Ints, beyond: Ahead, widths: int, columns: tuple[int, ...], is_max: tuple[bool, ...]
) -> Ahead:
    """Extend the bounds of one boundary across a block; resources that are not limited keep zeros."""
    least = np.zeros((widths, len(is_max)), np.int64)
    most = np.zeros((widths, len(is_max)), np.int64)
    for column in columns:
        cost = link.costs[:, column]
        lowest, highest = np.full(widths, UNREACHED, np.int64), np.full(widths, -UNREACHED, np.int64)
        np.minimum.at(lowest, near, combined(cost, beyond.least[far, column], is_max[column]))
        np.maximum.at(highest, near, combined(cost, beyond.most[far, column], is_max[column]))
        least[:, column], most[:, column] = lowest, highest
    return Ahead(least=least, most=most)


def _within(link: Link, behind: Ahead, ahead: Ahead, limits: Limits, is_max: tuple[bool, ...]) -> Mask:
    def total(column: int, before: Ints, after: Ints) -> Ints:
        so_far = combined(link.costs[:, column], before[link.start, column], is_max[column])
        return combined(so_far, after[link.end, column], is_max[column])

    within = np.ones(len(link), np.bool_)
    for column, limit in limits.upper.items():
        within &= total(column, behind.least, ahead.least) <= limit
    for column, limit in limits.lower.items():
        within &= total(column, behind.most, ahead.most) >= limit
    return within
