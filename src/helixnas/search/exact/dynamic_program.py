"""The dynamic program over the chain: the undominated partial architectures after each block.

Of two partial architectures that end in the same width, the worse can never overtake the better (`dominance`): costs and
scores of the rest are the same for both. The better one has no more of a resource of the front or with an upper limit and
no less of one with a lower limit, as far as the limit can still bind. Two of equal score may swap places in the order of
ties once a common maximum hides their difference, so one removes the other only if their maxima are equal.

With a ceiling, partial architectures whose Lagrangian bound (`relaxation`) lies above it are skipped unseen. At or below
the ceiling, a run finds what it would find without.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from helixnas.search.exact.chain import Chain, Limits, Link, combined
from helixnas.search.exact.dominance import undominated
from helixnas.search.exact.relaxation import Floats, Relaxation
from helixnas.search.instance import Ints

NUM_PAIRS = 2**20
"""Pairs of a partial architecture and a candidate that are held at once."""


class OutOfTimeError(Exception):
    """The deadline passed."""


class TooManyPartialsError(Exception):
    """A run would keep more partial architectures than it may."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """Partial architectures after one block: index of the last width, score, costs, and place in the order of texts."""

    width: Ints
    score: Ints
    costs: Ints
    rank: Ints
    parent: Ints
    """(partials,) place in the layer before."""

    row: Ints
    """(partials,) row of the instance's block that was added last."""

    def __len__(self) -> int:
        return len(self.score)

    def take(self, chosen: Ints) -> "Layer":
        """Return only the chosen partial architectures, in that order."""
        return Layer(**{name: column[chosen] for name, column in vars(self).items()})


@dataclass(frozen=True, kw_only=True)
class Rules:
    """Settings of one run: limits, columns `asked` for in a front, best answers (`copies`) that must survive, and caps."""

    limits: Limits
    is_max: tuple[bool, ...]
    num_ties: int
    """Resources that break ties; those after them only have limits."""

    asked: tuple[int, ...] = ()
    copies: int = 1
    ceiling: float = np.inf
    """Partial architectures with a bound above this are skipped."""

    deadline: float = np.inf
    """Value of `time.monotonic` at which the run stops."""

    most_partials: int = 2**62


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Layers of a run (the first is the empty architecture), each in the order of ties per width, and counts."""

    layers: tuple[Layer, ...]
    num_partials: int
    dominated: int


def sweep(chain: Chain, rules: Rules, relaxation: Relaxation | None = None) -> Sweep:
    """Run the dynamic program from the first block to the last; raises `OutOfTimeError` or `TooManyPartialsError`."""
    zero = np.zeros(1, np.int64)
    costs = np.zeros((1, len(rules.is_max)), np.int64)
    layers = [Layer(width=zero, score=zero, costs=costs, rank=zero, parent=zero, row=zero)]
    num_partials, dominated = 0, 0
    for number, link in enumerate(chain.links):
        kept = _undominated_rows(link, rules)
        left = link.take(kept)
        reduced = np.zeros(len(kept)) if relaxation is None else relaxation.reduced[number][kept]
        step = _Step(chain, rules, number + 1, left, layers[-1], relaxation, reduced)
        parts = [step.states(width) for width in np.unique(left.end).tolist()]
        num_partials += step.num_seen
        dominated += len(link) - len(kept) + step.num_dominated
        layers.append(_settle(join(parts), left))
        if len(layers[-1]) > rules.most_partials:
            raise TooManyPartialsError
    return Sweep(layers=tuple(layers), num_partials=num_partials, dominated=dominated)


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


def join(layers: Sequence[Layer]) -> Layer:
    """Return the partial architectures of several layers in one."""
    if len(layers) == 1:
        return layers[0]
    return Layer(**{name: np.concatenate([vars(layer)[name] for layer in layers]) for name in vars(layers[0])})


class _Step:
    """One block of the dynamic program: every partial architecture before it with every candidate that fits."""

    def __init__(
        self,
        chain: Chain,
        rules: Rules,
        number: int,
        link: Link,
        before: Layer,
        relaxation: Relaxation | None,
        reduced: Floats,
    ) -> None:
        self.rules, self.link, self.before = rules, link, before
        self.ahead = chain.ahead[number]
        self.texts = int(link.order.max(initial=0)) + 1
        self.num_seen, self.num_dominated = 0, 0
        self.bound_before = np.zeros(len(before))
        self.bound_after = np.zeros(len(link))
        self.spare = np.inf
        if relaxation is not None and rules.ceiling < np.inf:
            self.bound_before = before.score + before.costs @ relaxation.prices
            self.bound_after = reduced + relaxation.ahead[number][link.end]
            self.spare = rules.ceiling - relaxation.constant + relaxation.margin

    def states(self, width: int) -> Layer:
        """Return the undominated partial architectures of one width after the block, in the order of ties."""
        kept = [self.before.take(np.zeros(0, np.int64))]
        held = 0
        for new in self._extensions(width):
            if time.monotonic() > self.rules.deadline:
                raise OutOfTimeError
            self.num_seen += len(new)
            held += len(new)
            kept.append(new)
            if held > NUM_PAIRS:
                kept = [self._prune(join(kept), width)]
                held = len(kept[0])
                if held > self.rules.most_partials:
                    raise TooManyPartialsError
        return self._prune(join(kept), width)

    def _extensions(self, width: int) -> Iterator[Layer]:
        """Yield the extended partial architectures below the ceiling that can still meet every limit."""
        for start in np.unique(self.link.start[self.link.end == width]).tolist():
            rows = np.flatnonzero((self.link.start == start) & (self.link.end == width))
            rows = rows[np.argsort(self.bound_after[rows], kind="stable")]
            parents = np.flatnonzero(self.before.width == start)
            numbers = np.searchsorted(self.bound_after[rows], self.spare - self.bound_before[parents], side="right")
            total = np.cumsum(numbers)
            first = 0
            while first < len(parents):
                done = int(total[first - 1]) if first else 0
                last = max(first + 1, int(np.searchsorted(total, done + NUM_PAIRS, side="right")))
                yield self._extend(parents[first:last], numbers[first:last], rows, width)
                first = last

    def _extend(self, parents: Ints, numbers: Ints, rows: Ints, width: int) -> Layer:
        """Join each parent with the first so many of the rows."""
        link, before, limits, is_max = self.link, self.before, self.rules.limits, self.rules.is_max
        row = np.arange(int(numbers.sum())) - np.repeat(np.cumsum(numbers) - numbers, numbers)
        parent, row = np.repeat(parents, numbers), rows[row]
        for column in {*limits.upper, *limits.lower}:
            cost = combined(before.costs[parent, column], link.costs[row, column], is_max[column])
            fits = np.ones(len(cost), np.bool_)
            if column in limits.upper and not is_max[column]:
                fits &= cost <= limits.upper[column] - self.ahead.least[width, column]
            if column in limits.lower:
                fits &= combined(cost, self.ahead.most[width, column], is_max[column]) >= limits.lower[column]
            if not fits.all():
                parent, row = parent[fits], row[fits]
        costs = np.empty((len(parent), link.costs.shape[1]), np.int64)
        for column in range(costs.shape[1]):
            costs[:, column] = combined(before.costs[parent, column], link.costs[row, column], is_max[column])
        return Layer(
            width=np.full(len(parent), width),
            score=before.score[parent] + link.score[row],
            costs=costs,
            rank=before.rank[parent] * self.texts + link.order[row],
            parent=parent,
            row=row,
        )

    def _prune(self, layer: Layer, width: int) -> Layer:
        layer = layer.take(in_order(layer.score, layer.costs[:, : self.rules.num_ties], layer.rank))
        columns = self._what_counts(layer, width)
        if self.rules.copies > 1 and columns.shape[1] > 1 and self.rules.ceiling < np.inf:
            return layer  # the ceiling keeps the layer small, and peeling many fronts of several columns is expensive
        kept = undominated(columns, copies=self.rules.copies)
        self.num_dominated += len(layer) - int(kept.sum())
        return layer if kept.all() else layer.take(np.flatnonzero(kept))

    def _what_counts(self, layer: Layer, width: int) -> Ints:
        rules = self.rules
        columns = [layer.costs[:, column] for column in rules.asked]
        for column, limit in rules.limits.upper.items():
            if column not in rules.asked and not rules.is_max[column]:
                columns.append(np.maximum(layer.costs[:, column], limit - self.ahead.most[width, column]))
        for column, limit in rules.limits.lower.items():
            least = 0 if rules.is_max[column] else int(self.ahead.least[width, column])
            columns.append(-np.minimum(layer.costs[:, column], limit - least))
        columns += _equal_maxima(layer.score, layer.costs, rules)
        return _stack([column for column in columns if (column != column[:1]).any()], len(layer))


def _undominated_rows(link: Link, rules: Rules) -> Ints:
    """Return the candidates that no others of equal widths are better than, in the order of ties."""
    order = in_order(link.score, link.costs[:, : rules.num_ties], link.order)
    costs = link.costs[order]
    used = {*rules.asked, *(column for column in rules.limits.upper if not rules.is_max[column])}
    columns = [costs[:, column] for column in sorted(used)]
    columns += [-costs[:, column] for column in rules.limits.lower]
    columns += _equal_maxima(link.score[order], costs, rules)
    classes = _classes([link.start[order], link.end[order]])
    return order[undominated(_stack(columns, len(link)), classes=classes, copies=rules.copies)]


def _equal_maxima(score: Ints, costs: Ints, rules: Rules) -> list[Ints]:
    """Return two columns by which rows of equal score compare only where their maxima are equal; mostly none."""
    maxima = [costs[:, column] for column in range(rules.num_ties) if rules.is_max[column]]
    tied = np.diff(score) == 0
    if not maxima or not tied.any():
        return []
    classes = _classes(maxima)
    if classes is None or not (tied & (np.diff(classes) != 0)).any():
        return []
    group = np.cumsum(np.diff(score, prepend=score[0]) != 0) * (int(classes.max()) + 1)
    return [group + classes, group + int(classes.max()) - classes]


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


def _settle(layer: Layer, link: Link) -> Layer:
    """Number the texts by place, for their ranks grow with every block, and the candidates by row of the instance."""
    rank = np.empty(len(layer), np.int64)
    rank[np.argsort(layer.rank)] = np.arange(len(layer))
    return replace(layer, rank=rank, row=link.row[layer.row])
