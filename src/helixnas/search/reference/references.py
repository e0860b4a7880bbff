"""Reference methods for the exact search: brute force, greedy, random, evolution, the paper's traversal, and HiGHS.

All take the same instance and budget and return a `Reference`. All terminate: the traversal and HiGHS have a time limit,
the others a number of architectures to visit, even if no architecture meets the budget.
"""

import math
import time
from dataclasses import dataclass, replace

import numpy as np

from helixnas.search.budget import Budget
from helixnas.search.check.highs import solve_within
from helixnas.search.exact.chain import Limits, Link, build_chain
from helixnas.search.exact.feasibility import to_limits
from helixnas.search.instance import Instance, InstanceBlock, Ints
from helixnas.search.reference.brute_force import enumerate_best, is_within
from helixnas.search.result import Answer, answer_of

MOST_ENUMERATED = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Reference:
    """The best architecture inside the budget that one method found, and whether it finished within its time limit."""

    method: str
    answer: Answer | None
    finished: bool
    num_architectures: int
    """Complete architectures visited; 0 if unknown."""

    seconds: float


def compare_methods(
    instance: Instance, budget: Budget, *, seed: int, num_architectures: int = 10_000, time_limit_s: float = 60.0
) -> tuple[Reference, ...]:
    """Run every method on one instance; brute force only on spaces of at most `MOST_ENUMERATED` architectures."""
    return (
        *((search_exhaustively(instance, budget),) if instance.size <= MOST_ENUMERATED else ()),
        search_greedily(instance, budget),
        search_randomly(instance, budget, num_architectures=num_architectures, seed=seed),
        search_by_evolution(instance, budget, num_architectures=num_architectures, seed=seed),
        traverse(instance, budget, time_limit_s=time_limit_s),
        search_by_highs(instance, budget, time_limit_s=time_limit_s),
    )


def search_exhaustively(instance: Instance, budget: Budget) -> Reference:
    """Enumerate all architectures."""
    started = time.monotonic()
    answer = enumerate_best(instance, budget)
    return _reference("brute force", budget, answer, started, number=instance.size)


def search_greedily(instance: Instance, budget: Budget) -> Reference:
    """Take in every block the best-scored candidate that leaves each limit, taken alone, within reach."""
    started = time.monotonic()
    limits = to_limits(instance, budget)
    chain = build_chain(instance, limits)
    rows: list[int] = []
    width, costs = 0, np.zeros(len(instance.resources), np.int64)
    for number, link in enumerate(chain.links):
        total, ahead = instance.combined(costs, link.costs), chain.ahead[number + 1]
        least, most = (instance.combined(total, bound[link.end]) for bound in (ahead.least, ahead.most))
        fits = link.start == width
        for column, limit in limits.upper.items():
            fits = fits & (least[:, column] <= limit)
        for column, limit in limits.lower.items():
            fits = fits & (most[:, column] >= limit)
        places = np.flatnonzero(fits)
        if not len(places):
            break
        place = places[np.lexsort((link.order[places], link.score[places]))[0]]
        rows.append(int(link.row[place]))
        width, costs = int(link.end[place]), total[place]
    answer = answer_of(instance, np.array(rows)) if len(rows) == len(instance.blocks) else None
    return _reference("greedy per block", budget, answer, started, number=1)


def search_randomly(instance: Instance, budget: Budget, *, num_architectures: int, seed: int) -> Reference:
    """Draw architectures, block after block uniform over what fits the width, and keep the best inside the budget."""
    started = time.monotonic()
    links = _links(instance)
    nothing = np.full((num_architectures if links else 0, len(links)), -1)
    drawn = _complete(links, nothing, np.random.default_rng(seed))
    return _best_of("random", instance, budget, links, drawn, started, len(drawn))


def search_by_evolution(
    instance: Instance, budget: Budget, *, num_architectures: int, seed: int, population: int = 100
) -> Reference:
    """Evolve a population by tournaments, crossover, and mutation of one block; blocks that no longer fit are redrawn.

    Of two architectures the one closer to the limits wins, then the better score, so the search also ends, without an
    answer, if no architecture meets the budget.
    """
    started = time.monotonic()
    links = _links(instance)
    rng = np.random.default_rng(seed)
    alive = _complete(links, np.full((min(population, num_architectures) if links else 0, len(links)), -1), rng)
    number = len(alive)
    while 0 < number < num_architectures:
        children = _children(links, alive, _by_fitness(instance, budget, links, alive), rng)
        children = children[: num_architectures - number]
        number += len(children)
        both = np.unique(np.concatenate([alive, children]), axis=0)
        alive = both[_by_fitness(instance, budget, links, both)][:population]
    return _best_of("evolutionary", instance, budget, links, alive, started, number)


def traverse(instance: Instance, budget: Budget, *, time_limit_s: float) -> Reference:
    """Run Algorithm 2 as it is printed: depth first, candidates by score, the first that fits ends the last block.

    The fixed head is counted with the last searched block; lower limits, which the paper does not have, are checked on
    complete architectures. It is exact where it finishes, and exponential in the blocks.
    """
    budget.check(instance.resources)
    started = time.monotonic()
    searched, heads = _with_head(instance)
    traversal = _Traversal(searched, budget, started + time_limit_s)
    finished = True
    try:
        traversal.visit(0, 0, traversal.zero, ())
    except TimeoutError:
        finished = False
    answer = None
    if traversal.best is not None:
        last = traversal.best[-1]
        rows = (*traversal.best[:-1], *(heads[last] if heads else (last,)))
        answer = answer_of(instance, np.array(rows))
    return _reference("Algorithm 2", budget, answer, started, number=traversal.number, finished=finished)


def search_by_highs(instance: Instance, budget: Budget, *, time_limit_s: float) -> Reference:
    """Solve the mixed-integer program with HiGHS."""
    solved = solve_within(instance, budget, time_limit_s=time_limit_s)
    started = time.monotonic() - solved.seconds  # the start of its process is not counted
    answer = None if solved.rows is None else answer_of(instance, np.array(solved.rows))
    return _reference("HiGHS", budget, answer, started, number=0, finished=solved.status != "unknown")


class _Traversal:
    """The recursion of Algorithm 2 over tables: per block and width the candidates sorted by score."""

    def __init__(self, instance: Instance, budget: Budget, deadline: float) -> None:
        columns = [instance.column(name) for name in budget.names]
        self.is_max = np.array([instance.combine[column] == "max" for column in columns], dtype=np.bool_)
        self.upper = np.array([budget.upper.get(name, 2**62) for name in budget.names], dtype=np.int64)
        self.lower = np.array([budget.lower.get(name, 0) for name in budget.names], dtype=np.int64)
        self.zero = np.zeros(len(columns), np.int64)
        self.deadline, self.number = deadline, 0
        self.best: tuple[int, ...] | None = None
        self.best_score = math.inf
        self.tables: list[dict[int, tuple[Ints, Ints, Ints, Ints]]] = []
        for number, block in enumerate(instance.blocks):
            width_in = np.zeros(len(block), np.int64) if number == 0 else block.width_in
            by_width: dict[int, tuple[Ints, Ints, Ints, Ints]] = {}
            for width in np.unique(width_in).tolist():
                rows = np.flatnonzero(width_in == width)
                rows = rows[np.argsort(block.score[rows], kind="stable")]
                by_width[width] = (rows, block.score[rows], block.costs[rows][:, columns], block.width_out[rows])
            self.tables.append(by_width)

    def visit(self, width: int, score: int, costs: Ints, path: tuple[int, ...]) -> None:
        """Extend a path by every candidate of the next block that keeps within the budget."""
        if time.monotonic() > self.deadline:
            raise TimeoutError
        table = self.tables[len(path)].get(width)
        if table is None:
            return
        rows, scores, added, widths = table
        totals = np.where(self.is_max, np.maximum(costs, added), costs + added)
        fits = np.all(totals <= self.upper, axis=1)
        if len(path) + 1 == len(self.tables):
            places = np.flatnonzero(fits & np.all(totals >= self.lower, axis=1))[:1]
            self.number += len(places)
            if len(places) and score + int(scores[places[0]]) < self.best_score:
                self.best_score, self.best = score + int(scores[places[0]]), (*path, int(rows[places[0]]))
            return
        for place in np.flatnonzero(fits).tolist():
            self.visit(int(widths[place]), score + int(scores[place]), totals[place], (*path, int(rows[place])))


def _with_head(instance: Instance) -> tuple[Instance, list[tuple[int, int]]]:
    """Add a fixed last block to the one before it; return the rows of both per candidate of the joint block."""
    if len(instance.blocks) == 1:
        return instance, []
    *first, before, head = instance.blocks
    head_row = {width: row for row, width in enumerate(head.width_in.tolist())}
    rows = np.flatnonzero(np.isin(before.width_out, head.width_in))
    if len(head_row) < len(head) or not len(rows):
        return instance, []
    heads = np.array([head_row[width] for width in before.width_out[rows].tolist()])
    joint = InstanceBlock(
        width_in=before.width_in[rows],
        width_out=head.width_out[heads],
        score=before.score[rows] + head.score[heads],
        costs=instance.combined(before.costs[rows], head.costs[heads]),
        order=before.order[rows],
    )
    return replace(instance, blocks=(*first, joint)), list(zip(rows.tolist(), heads.tolist(), strict=True))


def _links(instance: Instance) -> tuple[Link, ...]:
    """Return the candidates without dead ends; none if nothing connects."""
    chain = build_chain(instance, Limits(upper={}, lower={}))
    return () if chain.is_empty else chain.links


def _complete(links: tuple[Link, ...], places: Ints, rng: np.random.Generator) -> Ints:
    """Redraw entries that are -1 or do not fit the width before them; (architectures, blocks)."""
    width = np.zeros(len(places), np.int64)
    drawn = places.copy()
    for number, link in enumerate(links):
        wrong = (drawn[:, number] < 0) | (link.start[drawn[:, number]] != width)
        for start in np.unique(width[wrong]).tolist():
            here = np.flatnonzero(wrong & (width == start))
            drawn[here, number] = rng.choice(np.flatnonzero(link.start == start), size=len(here))
        width = link.end[drawn[:, number]]
    return drawn


def _children(links: tuple[Link, ...], alive: Ints, order: Ints, rng: np.random.Generator) -> Ints:
    """Return as many children as parents: two tournaments of two, one-point crossover, and one block drawn anew."""
    number, blocks = alive.shape
    rank = np.empty(number, np.int64)
    rank[order] = np.arange(number)
    entered = rng.integers(0, number, (2, 2, number))
    winners = np.where(rank[entered[:, 0]] < rank[entered[:, 1]], entered[:, 0], entered[:, 1])
    point = rng.integers(0, blocks + 1, number)
    children = np.where(np.arange(blocks) < point[:, None], alive[winners[0]], alive[winners[1]])
    searched = np.array([k for k, link in enumerate(links) if len(link) > 1] or [0])
    children[np.arange(number), rng.choice(searched, size=number)] = -1
    return _complete(links, children, rng)


def _by_fitness(instance: Instance, budget: Budget, links: tuple[Link, ...], places: Ints) -> Ints:
    """Return the places in order: those inside the limits by score, then the others by how far they are outside."""
    score, costs = instance.totals(_rows(links, places))
    excess = np.zeros(len(places))
    for name, limit in budget.upper.items():
        excess += np.maximum(0, costs[:, instance.column(name)] - limit) / max(1, limit)
    for name, limit in budget.lower.items():
        excess += np.maximum(0, limit - costs[:, instance.column(name)]) / max(1, limit)
    return np.lexsort((score, excess))


def _rows(links: tuple[Link, ...], places: Ints) -> Ints:
    """Return (architectures, blocks): rows of the instance's blocks instead of places in the links."""
    return np.stack([link.row[places[:, number]] for number, link in enumerate(links)], axis=1)


def _best_of(
    method: str, instance: Instance, budget: Budget, links: tuple[Link, ...], places: Ints, started: float, number: int
) -> Reference:
    answer = None
    if len(places):
        best = _by_fitness(instance, budget, links, places)[:1]
        answer = answer_of(instance, _rows(links, places[best])[0])
    return _reference(method, budget, answer, started, number=number)


def _reference(
    method: str, budget: Budget, answer: Answer | None, started: float, *, number: int, finished: bool = True
) -> Reference:
    return Reference(
        method=method,
        answer=answer if answer is not None and is_within(answer, budget) else None,
        finished=finished,
        num_architectures=number,
        seconds=time.monotonic() - started,
    )
