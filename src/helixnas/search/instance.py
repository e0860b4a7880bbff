"""An instance of the search: per block the candidates with their widths, scores and costs, as integers (Eq. 4).

Sums of floats depend on the order of addition, and with them optimum, ties and hash would too. So a score is counted in
units of 1e-12, a cost in whole parameters, multiply-adds, bytes or nanoseconds.

The blocks form a chain: candidate b of block k may follow candidate a of block k - 1 if ``b.width_in == a.width_out``. The
stem is a first block with one candidate, the head a last block with one candidate per width that reaches it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from helixnas.errors import ConfigError, UnknownNameError

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Combine = Literal["sum", "max"]
"""How the costs of the blocks combine into the cost of an architecture."""

SCORE_UNIT = 1e-12
"""Value of one unit of an integer score."""

LARGEST_TOTAL = 2**60
"""No sum over the blocks may exceed this, so that 64-bit arithmetic never wraps around."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InstanceBlock:
    """The candidates of one block, a row each."""

    width_in: Ints
    """(rows,) channels that the candidate receives, `width_out` those that it returns; the stem may receive any number."""

    width_out: Ints
    score: Ints
    """(rows,) local score in units of 1e-12, lower is better."""

    costs: Ints
    """(rows, resources) costs, none negative, in the order of the instance's resources."""

    order: Ints
    """(rows,) rank of the candidate's canonical text inside the block, the last tie-breaker."""

    labels: Sequence[str] | None = None
    """(rows,) canonical texts, to name the answer."""

    slots: Ints | None = None
    """(rows, layer slots) a code per layer for operation and cell, -1 for a missing layer; for diverse answers."""

    def __post_init__(self) -> None:
        names = ("width_in", "width_out", "score", "costs", "order", *(() if self.slots is None else ("slots",)))
        for name in names:
            object.__setattr__(self, name, _as_ints(name, getattr(self, name)))
        rows = self.score.shape[0] if self.score.ndim == 1 else -1
        if rows < 1:
            raise ConfigError(f"a block needs at least one candidate in a flat array, not scores of {self.score.shape}")
        for name in names:
            array: Ints = getattr(self, name)
            if array.shape[:1] != (rows,) or array.ndim != (2 if name in ("costs", "slots") else 1):
                raise ConfigError(f"a block of {rows} scores cannot have {name} of shape {array.shape}")
        if self.labels is not None and len(self.labels) != rows:
            raise ConfigError(f"a block of {rows} scores cannot have {len(self.labels)} labels")
        if self.costs.size and self.costs.min() < 0:
            row = int(np.flatnonzero((self.costs < 0).any(axis=1))[0])
            raise ConfigError(f"candidate {self.name(row)} has a negative cost, {self.costs[row].min():,}")
        self._check_order()

    def _check_order(self) -> None:
        if self.order.min() < 0 or self.order.max() >= 2**31:
            wrong = int(self.order.min() if self.order.min() < 0 else self.order.max())
            raise ConfigError(f"an order must be between 0 and {2**31 - 1:,}, not {wrong:,}")
        by_order = np.argsort(self.order, kind="stable")
        repeated = self.order[by_order[1:]] == self.order[by_order[:-1]]
        if not repeated.any():
            return
        by_pair = np.lexsort((self.width_in, self.order))
        same = (np.diff(self.order[by_pair]) == 0) & (np.diff(self.width_in[by_pair]) == 0)
        if same.any():
            row = int(by_pair[np.flatnonzero(same)[0]])
            raise ConfigError(
                f"two candidates of width {self.width_in[row]} share the order {self.order[row]}; orders must differ"
            )

    def __len__(self) -> int:
        return len(self.score)

    def name(self, row: int) -> str:
        """Return the label of a row, or its number if there are no labels."""
        return _label(self.labels, row)

    @staticmethod
    def from_floats(
        *,
        width_in: npt.ArrayLike,
        width_out: npt.ArrayLike,
        score: npt.ArrayLike,
        costs: Mapping[str, npt.ArrayLike],
        resources: Sequence[str],
        labels: Sequence[str] | None = None,
        order: npt.ArrayLike | None = None,
        slots: npt.ArrayLike | None = None,
        weight: float = 1.0,
    ) -> "InstanceBlock":
        """Return a block from measured scores, times `weight` (lambda of Eq. 4), and costs, rounded to whole units.

        `resources` are those of the instance, in order. Without `order`, ties are broken by the labels, or by the rows.

        Raises:
            ConfigError: a score or cost is missing, infinite or out of range, or a cost is negative.
            UnknownNameError: `costs` holds a resource that is not one of the instance's.

        >>> block = InstanceBlock.from_floats(
        ...     width_in=[16, 16], width_out=[24, 24], score=[0.5, 0.25], costs={"macs": [3, 4]}, resources=["macs"]
        ... )
        >>> block.score.tolist()
        [500000000000, 250000000000]
        """
        for name in costs:
            if name not in resources:
                raise UnknownNameError("resource", name, resources)
        missing = [name for name in resources if name not in costs]
        if missing:
            raise ConfigError(f"the costs lack the resource {missing[0]!r}")
        values = score_to_int(score, labels=labels, weight=weight)
        columns = [_cost_to_int(name, costs[name], len(values), labels) for name in resources]
        if order is None:
            order = np.arange(len(values)) if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
        return InstanceBlock(
            width_in=np.asarray(width_in),
            width_out=np.asarray(width_out),
            score=values,
            costs=np.stack(columns, axis=1) if columns else np.zeros((len(values), 0), np.int64),
            order=np.asarray(order),
            labels=labels,
            slots=None if slots is None else np.asarray(slots),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class Instance:
    """The input of the search: blocks, the names of their costs in the order that breaks ties, and the exact size."""

    blocks: tuple[InstanceBlock, ...]
    """Stem, searched blocks and head, in order."""

    resources: tuple[str, ...]
    combine: tuple[Combine, ...] = ()
    """Per resource, whether the blocks' costs add up or the largest counts; left out, they add up."""

    size: int = field(init=False)

    def __post_init__(self) -> None:
        if not self.blocks:
            raise ConfigError("an instance needs at least one block")
        if len(set(self.resources)) != len(self.resources) or not all(self.resources):
            raise ConfigError(f"resources need different names, not {', '.join(map(repr, self.resources))}")
        if not self.combine:
            object.__setattr__(self, "combine", ("sum",) * len(self.resources))
        if len(self.combine) != len(self.resources) or not set(self.combine) <= {"sum", "max"}:
            raise ConfigError(
                f"each of the {len(self.resources)} resources combines by 'sum' or 'max', not {self.combine!r}"
            )
        for number, block in enumerate(self.blocks):
            if block.costs.shape[1] != len(self.resources):
                raise ConfigError(
                    f"block {number} has {block.costs.shape[1]} costs per candidate, expected {len(self.resources)}: "
                    f"{', '.join(self.resources)}"
                )
        if len(np.unique(self.blocks[0].order)) != len(self.blocks[0]):
            raise ConfigError("two candidates of the first block share an order; orders must differ")
        self._check_totals()
        object.__setattr__(self, "size", _count_chains(self.blocks))

    def _check_totals(self) -> None:
        totals = {"score": sum(max(-int(block.score.min()), int(block.score.max())) for block in self.blocks)}
        for column, name in enumerate(self.resources):
            totals[name] = sum(int(block.costs[:, column].max()) for block in self.blocks)
        for name, total in totals.items():
            if total > LARGEST_TOTAL:
                raise ConfigError(f"{name} may add up to {total:.3g}, more than {LARGEST_TOTAL:.3g}; use a larger unit")

    @property
    def is_max(self) -> tuple[bool, ...]:
        """Per resource, whether it combines by maximum."""
        return tuple(how == "max" for how in self.combine)

    def totals(self, rows: Ints) -> tuple[Ints, Ints]:
        """Return (architectures,) scores and (architectures, resources) costs; `rows` holds the row per block of each."""
        score = np.zeros(len(rows), np.int64)
        costs = np.zeros((len(rows), len(self.resources)), np.int64)
        for block, row in zip(self.blocks, rows.T, strict=True):
            score += block.score[row]
            costs = self.combined(costs, block.costs[row])
        return score, costs

    def combined(self, first: Ints, second: Ints) -> Ints:
        """Return the costs of two parts together, (.., resources)."""
        return np.where(np.array(self.is_max, dtype=np.bool_), np.maximum(first, second), first + second)

    def column(self, resource: str) -> int:
        """Return the position of a resource; raises `UnknownNameError` if the instance does not have it."""
        if resource not in self.resources:
            raise UnknownNameError("resource", resource, self.resources)
        return self.resources.index(resource)


def score_to_int(score: npt.ArrayLike, *, labels: Sequence[str] | None = None, weight: float = 1.0) -> Ints:
    """Return scores in units of 1e-12, times the block's weight lambda (Eq. 4); lower stays better.

    Raises `ConfigError` if a score is missing, not finite, or too large for 64 bits; the message names the candidate.

    >>> score_to_int([0.5, 0.25], weight=2.0).tolist()
    [1000000000000, 500000000000]
    """
    if not np.isfinite(weight) or weight < 0:
        raise ConfigError(f"the weight of a block must be a number of at least 0, not {weight}")
    return _finite_to_int("score", score, weight / SCORE_UNIT if weight != 1.0 else 1e12, labels)


def _cost_to_int(name: str, values: npt.ArrayLike, rows: int, labels: Sequence[str] | None) -> Ints:
    given = np.asarray(values)
    ints = given.astype(np.int64) if given.dtype.kind in "iu" else _finite_to_int(f"cost {name!r}", values, 1.0, labels)
    if ints.shape != (rows,):
        raise ConfigError(f"{rows} scores need {rows} costs {name!r}, not an array of shape {ints.shape}")
    if ints.size and ints.min() < 0:
        row = int(np.argmin(ints))
        raise ConfigError(f"the cost {name!r} of candidate {_label(labels, row)} is negative, {ints[row]:,}")
    return ints


def _finite_to_int(what: str, values: npt.ArrayLike, factor: float, labels: Sequence[str] | None) -> Ints:
    try:
        floats = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"the {what}s are not numbers: {error}") from error
    scaled = np.rint(floats * factor)
    wrong = ~(np.abs(scaled) <= LARGEST_TOTAL)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        value = floats.ravel()[row]
        kind = "missing" if np.isnan(value) else "infinite" if np.isinf(value) else f"too large, {value:g}"
        raise ConfigError(f"the {what} of candidate {_label(labels, row)} is {kind}")
    return scaled.astype(np.int64)


def _label(labels: Sequence[str] | None, row: int) -> str:
    return labels[row] if labels is not None and row < len(labels) else f"number {row}"


def _as_ints(name: str, values: object) -> Ints:
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ConfigError(f"{name} must be whole numbers, not {array.dtype}")
    view = array.astype(np.int64, copy=False).view()
    view.flags.writeable = False
    return view


def _count_chains(blocks: Sequence[InstanceBlock]) -> int:
    """Count in Python's integers, which do not overflow."""
    counts: dict[int, int] | None = None
    for block in blocks:
        widths_in, widths_out = np.unique(block.width_in), np.unique(block.width_out)
        pairs = np.searchsorted(widths_in, block.width_in) * len(widths_out)
        pairs += np.searchsorted(widths_out, block.width_out)
        rows = np.bincount(pairs, minlength=len(widths_in) * len(widths_out)).reshape(len(widths_in), -1).tolist()
        before = [1 if counts is None else counts.get(width, 0) for width in widths_in.tolist()]
        counts = {
            width: sum(number * row[column] for number, row in zip(before, rows, strict=True))
            for column, width in enumerate(widths_out.tolist())
        }
    return sum((counts or {}).values())
