"""Fitting a space to limits: the largest whose smallest networks stay well below them.

The limits are then neither trivial nor impossible: some networks meet them with room to spare, and others do not. Costs of a
fitted space grow with depth, width and operation, so its smallest network has the least of every resource, and several limits
can be met together exactly if that network meets each. The pipeline's own check of budgets confirms the choice. One of several
limits may bind no network (`loose_limits`), as a high one beside a low one does; all of them may not.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from helixnas.artifacts.cost_table import LATENCY
from helixnas.costs import cost_table
from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.search import Budget, is_feasible, parse_limits, readable
from helixnas.search.config import Amount
from helixnas.search.tables import unrated_tables
from helixnas.space import Architecture, Block, Cell, SearchSpace, load_space
from helixnas.space.extremes import largest_of, smallest_of
from helixnas.start.spaces import DEPTHS, NARROW, SHARES, definition, width_of
from helixnas.start.teacher_facts import TeacherFacts

ROOM = 0.6
"""Share of every limit that the smallest network may take."""

LATENCY_ROOM = 0.45
"""The same for latency, which is predicted and measured with errors."""

Latency = Callable[[Architecture], int]
"""Measures the nanoseconds of a network."""


@dataclass(frozen=True, kw_only=True)
class Fitted:
    """A space that fits limits."""

    definition: dict[str, Any]
    share: float
    """Widths relative to the teacher's."""

    depth: int
    smallest: Mapping[str, int]
    """Resources of its smallest network, latency among them where it is limited."""

    largest: Mapping[str, int]
    """Counted resources of a network of its largest cells."""


def fit_space(facts: TeacherFacts, limits: Mapping[str, Amount], latency: Latency | None = None) -> Fitted:
    """Return the largest space for a teacher whose smallest networks take at most `ROOM` of each limit.

    `latency` measures a network where latency is limited.

    Raises:
        InfeasibleBudgetError: even the smallest space holds no such network; the message says how small it is.
        ConfigError: the limits are so high that every network meets them.
        UnknownNameError: a resource is not known.
    """
    upper = parse_limits(limits, known={**facts.costs, LATENCY: None}, option="max")

    @cache
    def counted(network: Architecture) -> dict[str, int]:
        found = _count(network, facts)
        if latency is not None and LATENCY in upper:
            found[LATENCY] = latency(network)
        return found

    def measured(share: float, depth: int) -> dict[str, int]:
        return counted(smallest_of(load_space(definition(facts, share=share, depth=depth))))

    def fits(share: float, depth: int) -> bool:
        found = measured(share, depth)
        return all(found[name] <= _room(name) * limit for name, limit in upper.items() if name in found)

    chosen = _choose(facts, fits)
    if chosen is None:
        raise _too_small(facts, upper, measured(SHARES[-1], 1))
    share, depth = chosen
    values = definition(facts, share=share, depth=depth)
    loose_limits(values, facts, limits, latency)
    largest = _count(largest_of(load_space(values)), facts)
    return Fitted(definition=values, share=share, depth=depth, smallest=measured(share, depth), largest=largest)


def loose_limits(
    definition: Mapping[str, Any], facts: TeacherFacts, limits: Mapping[str, Amount], latency: Latency | None = None
) -> tuple[str, ...]:
    """Return a sentence per limit that every network of a space meets; a latency is that of a network of the largest cells.

    Raises `ConfigError` if every network meets all limits, so that there is nothing to search under.
    """
    upper = parse_limits(limits, known={**facts.costs, LATENCY: None}, option="max")
    space = load_space(definition)
    largest = largest_of(space)
    shown = _count(largest, facts)
    if latency is not None and LATENCY in upper:
        shown[LATENCY] = latency(largest)
    doubtful = {name: limit for name, limit in upper.items() if shown.get(name, limit + 1) <= limit}
    counted = tuple(name for name in doubtful if name != LATENCY)
    above = _exceeded(space, facts, {name: doubtful[name] for name in counted}) if counted else set[str]()
    loose = {name: " <= ".join(readable(name, limit)) for name, limit in doubtful.items() if name not in above}
    if len(loose) == len(upper):
        parts = [f"{text} (the largest cells make {readable(name, shown[name])[1]})" for name, text in loose.items()]
        raise ConfigError(
            f"every network of the widest space for {facts.config.model} meets {' and '.join(parts)}, so there is nothing to "
            "search under; choose lower limits"
        )
    return tuple(
        f"every network of the space meets {text}, so this limit decides nothing (the largest cells make "
        f"{readable(name, shown[name])[1]})"
        for name, text in loose.items()
    )


def _exceeded(space: SearchSpace, facts: TeacherFacts, limits: Mapping[str, int]) -> set[str]:
    """Return the counted resources of which any network has more than the limit."""
    costs = cost_table(space, image_size=facts.image_size, num_classes=facts.num_classes)
    instance = unrated_tables(costs).instance(tuple(limits))
    return {name for name, limit in limits.items() if is_feasible(instance, Budget(lower={name: limit + 1}))}


def _choose(facts: TeacherFacts, fits: Callable[[float, int], bool]) -> tuple[float, int] | None:
    """Return share and depth of the largest fitting space of the preferred depth, else of the next one."""
    narrow: tuple[float, int] | None = None
    *preferred, last = DEPTHS[facts.kind]
    deeper = [last] if last > preferred[0] else []
    for depth in [*preferred, *([] if deeper else [last])]:
        share = _largest(lambda share, depth=depth: fits(share, depth))
        if share is None:
            continue
        if share == SHARES[0] and deeper and fits(share, deeper[0]):
            return share, deeper[0]
        wide = facts.kind != "vit" or width_of(definition(facts, share=share, depth=depth)) >= min(
            NARROW, max(facts.widths) // 2
        )
        if wide:
            return share, depth
        narrow = (share, depth)
    return narrow


def _largest(fits: Callable[[float], bool]) -> float | None:
    """Return the largest share that fits, by bisection; None if none does."""
    if not fits(SHARES[-1]):
        return None
    low, high = 0, len(SHARES) - 1  # SHARES[high] fits
    while low < high:
        middle = (low + high) // 2
        if fits(SHARES[middle]):
            high = middle
        else:
            low = middle + 1
    return SHARES[high]


def _count(network: Architecture, facts: TeacherFacts) -> dict[str, int]:
    """Return the resources of a network as the search counts them: those of a space that holds nothing else."""
    blocks = tuple(
        Block(stage.stride, (Cell(stage.path.width, tuple((operation,) for operation in stage.path.operations)),))
        for stage in network.blocks
    )
    alone = SearchSpace("alone", network.stem, blocks, network.head)
    table = cost_table(alone, image_size=facts.image_size, num_classes=facts.num_classes)
    return dict(table.of(network))


def _room(name: str) -> float:
    return LATENCY_ROOM if name == LATENCY else ROOM


def _too_small(facts: TeacherFacts, upper: Mapping[str, int], smallest: Mapping[str, int]) -> InfeasibleBudgetError:
    parts = [
        f"{readable(name, limit)[0]} <= {readable(name, limit)[1]}, but the smallest network has "
        f"{readable(name, smallest[name])[1]} and needs room beside it: allow at least "
        f"{readable(name, round(smallest[name] / _room(name)))[1]}"
        for name, limit in upper.items()
        if name in smallest and smallest[name] > _room(name) * limit
    ]
    return InfeasibleBudgetError(
        f"no {facts.kind} space fits {facts.config.model} at {facts.image_size} pixels under {'; '.join(parts)}"
    )
