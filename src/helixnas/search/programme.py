"""The dynamic programme over the chain: what survives of all partial architectures after each block.

A partial architecture is known by the width it ends in, its score and its costs. Of two that end in the same width the
worse can never overtake the better, whatever follows (`dominance`): costs and scores of the rest are the same for both.

What counts in that comparison: a resource with an upper limit, as far as the limit can still bind; a resource that a
front is asked for; a resource with a lower limit must be *equal*, again as far as the limit can still bind. Resources
that combine by maximum need one more rule. Two partial architectures of equal score may swap places in the order of
ties once a common maximum hides the difference between theirs, so of equal scores one removes the other only where
these maxima are equal.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helixnas.search.chain import Chain, Limits, Link, combined
from helixnas.search.dominance import undominated
from helixnas.search.instance import Ints

NUM_PAIRS = 2**21
"""Pairs of a partial architecture and a candidate that are held at once."""

BEAM = 512
"""Partial architectures that are kept per width once time is up."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Partial architectures after one block."""

    width: Ints
    """(partials,) index of the width they end in."""

    score: Ints
    costs: Ints
    rank: Ints
    """(partials,) place in the order of their texts."""

    parent: Ints
    """(partials,) place in the layer before."""

    row: Ints
    """(partials,) row of the instance's block that was added last."""

    def __len__(self) -> int:
        return len(self.score)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What one run of the programme keeps."""

    limits: Limits
    asked: tuple[int, ...] = ()
    """Columns of the resources that a front is asked for."""

    copies: int = 1
    """How many answers must survive."""

    is_max: tuple[bool, ...] = ()
    """Per resource, whether it combines by maximum."""

    deadline: float | None = None
    """Reading of `time.monotonic` after which only the most promising partial architectures are kept."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Layers of a run (the first is the empty architecture), and what was cut."""

    layers: tuple[Layer, ...]
    num_partials: int
    """Partial architectures that were looked at."""

    dominated: int
    """Partial architectures and candidates that others removed."""

    cut_bound: int | None
    """The least score that what was cut for lack of time could have reached; None where nothing was."""


def sweep(chain: Chain, rules: Rules) -> Sweep:
    """Run the programme from the first block to the last; every layer is in the order of ties."""
    resources = chain.links[0].costs.shape[1]
    zero = np.zeros(1, np.int64)
    layers = [Layer(width=zero, score=zero, costs=np.zeros((1, resources), np.int64), rank=zero, parent=zero, row=zero)]
    num_partials, dominated = 0, 0
    cut_bounds: list[int] = []
    for number, link in enumerate(chain.links):
        left = _prune_link(link, rules)
        dominated += len(link) - len(left)
        step = _Step(chain=chain, rules=rules, number=number + 1, link=left, before=layers[-1])
        parts = [step.states(width) for width in np.unique(left.end).tolist()]
        layer = _number_texts(_join([part.layer for part in parts]), layers[-1], left)
        num_partials += sum(part.seen for part in parts)
        dominated += sum(part.dominated for part in parts)
        cut_bounds += [part.cut_bound for part in parts if part.cut_bound is not None]
        layers.append(_with_rows(layer, left))
    return Sweep(
        layers=tuple(layers),
        num_partials=num_partials,
        dominated=dominated,
        cut_bound=min(cut_bounds) if cut_bounds else None,
    )


def trace(layers: Sequence[Layer], last: Ints) -> Ints:
    """Return (answers, blocks): the row chosen in every block by the given places of the last layer."""
    rows = np.empty((len(last), len(layers) - 1), np.int64)
    place = last
    for number in reversed(range(1, len(layers))):
        rows[:, number - 1] = layers[number].row[place]
        place = layers[number].parent[place]
    return rows


def in_order(score: Ints, costs: Ints, rank: Ints) -> Ints:
    """Return the permutation into the order of ties: score, resources as given, text."""
    order = np.argsort(score)
    if (np.diff(score[order]) == 0).any():
        return np.lexsort((rank, *costs.T[::-1], score))
    return order


@dataclass(frozen=True, kw_only=True, eq=False)
class _Part:
    layer: Layer
    seen: int
    dominated: int
    cut_bound: int | None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Step:
    """One block of the programme: every partial architecture before it with every candidate that fits."""

    chain: Chain
    rules: Rules
    number: int
    """Boundary after the block."""

    link: Link
    before: Layer

    def states(self, width: int) -> _Part:
        """Return what survives at one width after the block."""
        kept: list[Layer] = []
        held, seen, dominated = 0, 0, 0
        bounds: list[int] = []
        for new in self._pairs(width):
            seen += len(new)
            held += len(new)
            kept.append(new)
            if held > NUM_PAIRS:
                layer, removed, bound = self._prune(_join(kept), width)
                kept, held, dominated = [layer], len(layer), dominated + removed
                bounds += [] if bound is None else [bound]
        layer, removed, bound = self._prune(_join(kept) if kept else _take(self.before, np.zeros(0, np.int64)), width)
        bounds += [] if bound is None else [bound]
        return _Part(layer=layer, seen=seen, dominated=dominated + removed, cut_bound=min(bounds) if bounds else None)

    def _pairs(self, width: int):
        """Yield the extended partial architectures that can still meet every limit."""
        for start in np.unique(self.link.start[self.link.end == width]).tolist():
            rows = np.flatnonzero((self.link.start == start) & (self.link.end == width))
            parents = np.flatnonzero(self.before.width == start)
            size = max(1, NUM_PAIRS // len(rows))
            for first in range(0, len(parents), size):
                yield self._extend(parents[first : first + size], rows, width)

    def _extend(self, parents: Ints, rows: Ints, width: int) -> Layer:
        link, before, limits, is_max = self.link, self.before, self.rules.limits, self.rules.is_max
        ahead = self.chain.ahead[self.number]
        fits = np.ones((len(parents), len(rows)), np.bool_)
        for column in {*limits.upper, *limits.lower}:
            cost = combined(before.costs[parents, column][:, None], link.costs[rows, column], is_max[column])
            if column in limits.upper and not is_max[column]:
                fits &= cost <= limits.upper[column] - ahead.least[width, column]
            if column in limits.lower:
                fits &= combined(cost, ahead.most[width, column], is_max[column]) >= limits.lower[column]
        parent, row = np.nonzero(fits)
        parent, row = parents[parent], rows[row]
        costs = np.empty((len(parent), link.costs.shape[1]), np.int64)
        for column in range(costs.shape[1]):
            costs[:, column] = combined(before.costs[parent, column], link.costs[row, column], is_max[column])
        return Layer(
            width=np.full(len(parent), width),
            score=before.score[parent] + link.score[row],
            costs=costs,
            rank=before.rank[parent] * (int(link.order.max()) + 1) + link.order[row],
            parent=parent,
            row=row,
        )

    def _prune(self, layer: Layer, width: int) -> tuple[Layer, int, int | None]:
        """Return what no other removes, in the order of ties; how many went; and the bound of what was cut."""
        layer = _take(layer, in_order(layer.score, layer.costs, layer.rank))
        columns, classes = self._what_counts(layer, width)
        kept = undominated(columns, classes=classes, copies=self.rules.copies)
        dominated = len(layer) - int(kept.sum())
        layer = _take(layer, np.flatnonzero(kept))
        late = self.rules.deadline is not None and time.monotonic() > self.rules.deadline
        if not late or len(layer) <= BEAM:
            return layer, dominated, None
        bound = int(layer.score[BEAM] + self.chain.ahead[self.number].score[width])
        return _take(layer, np.arange(BEAM)), dominated, bound

    def _what_counts(self, layer: Layer, width: int) -> tuple[Ints, Ints | None]:
        rules, ahead = self.rules, self.chain.ahead[self.number]
        columns = [layer.costs[:, column] for column in rules.asked]
        for column, limit in rules.limits.upper.items():
            if column not in rules.asked and not rules.is_max[column]:
                columns.append(np.maximum(layer.costs[:, column], limit - ahead.most[width, column]))
        needs: list[Ints] = []
        for column, limit in rules.limits.lower.items():
            least = 0 if rules.is_max[column] else int(ahead.least[width, column])
            needs.append(np.minimum(layer.costs[:, column], limit - least))
        columns += _equal_maxima(layer.score, layer.costs, rules.is_max)
        columns = [column for column in columns if (column != column[:1]).any()]
        return _stack(columns, len(layer)), _classes(needs)


def _prune_link(link: Link, rules: Rules) -> Link:
    """Remove candidates of equal widths that others are better than; the rest stands in the order of ties."""
    link = link.take(in_order(link.score, link.costs, link.order))
    used = {*rules.asked, *(column for column in rules.limits.upper if not rules.is_max[column])}
    columns = [link.costs[:, column] for column in sorted(used)]
    columns += _equal_maxima(link.score, link.costs, rules.is_max)
    classes = _classes([link.start, link.end, *(link.costs[:, column] for column in rules.limits.lower)])
    kept = undominated(_stack(columns, len(link)), classes=classes, copies=rules.copies)
    return link.take(kept)


def _equal_maxima(score: Ints, costs: Ints, is_max: tuple[bool, ...]) -> list[Ints]:
    """Return two columns by which rows of equal score compare only where their maxima are equal; mostly none."""
    tied = np.diff(score) == 0
    if not any(is_max) or not tied.any():
        return []
    maxima = _classes([costs[:, column] for column, by_max in enumerate(is_max) if by_max])
    if maxima is None or not (tied & (np.diff(maxima) != 0)).any():
        return []
    group = np.cumsum(np.diff(score, prepend=score[0]) != 0) * (int(maxima.max()) + 1)
    return [group + maxima, group + int(maxima.max()) - maxima]


def _classes(keys: Sequence[Ints]) -> Ints | None:
    """Number the combinations of several keys from 0; None where there is only one."""
    classes: Ints | None = None
    for key in keys:
        if not len(key) or (key == key[0]).all():
            continue
        values = np.unique(key)
        place = np.searchsorted(values, key)
        joint = place if classes is None else classes * len(values) + place
        classes = np.searchsorted(np.unique(joint), joint)
    return classes


def _stack(columns: Sequence[Ints], rows: int) -> Ints:
    return np.stack(columns, axis=1) if columns else np.zeros((rows, 0), np.int64)


def _number_texts(layer: Layer, before: Layer, link: Link) -> Layer:
    """Replace the ranks, which grow with every block, by places."""
    rank = np.empty(len(layer), np.int64)
    rank[np.argsort(layer.rank)] = np.arange(len(layer))
    return Layer(width=layer.width, score=layer.score, costs=layer.costs, rank=rank, parent=layer.parent, row=layer.row)


def _with_rows(layer: Layer, link: Link) -> Layer:
    """Name candidates by their row in the instance."""
    return Layer(
        width=layer.width,
        score=layer.score,
        costs=layer.costs,
        rank=layer.rank,
        parent=layer.parent,
        row=link.row[layer.row],
    )


def _take(layer: Layer, chosen: Ints) -> Layer:
    return Layer(
        width=layer.width[chosen],
        score=layer.score[chosen],
        costs=layer.costs[chosen],
        rank=layer.rank[chosen],
        parent=layer.parent[chosen],
        row=layer.row[chosen],
    )


def _join(layers: Sequence[Layer]) -> Layer:
    if len(layers) == 1:
        return layers[0]
    return Layer(
        width=np.concatenate([layer.width for layer in layers]),
        score=np.concatenate([layer.score for layer in layers]),
        costs=np.concatenate([layer.costs for layer in layers]),
        rank=np.concatenate([layer.rank for layer in layers]),
        parent=np.concatenate([layer.parent for layer in layers]),
        row=np.concatenate([layer.row for layer in layers]),
    )
