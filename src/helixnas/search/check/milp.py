"""The search as a mixed-integer program for HiGHS: a second opinion that shares no code with the solver.

One binary variable per candidate; one candidate per block; at every boundary, as many candidates end in a width as start
from it. Costs are divided by their limits, so that HiGHS's tolerances mean the same for parameters and nanoseconds. Of
scores, only differences inside a block count, relative to the spread of their sum, so that tiny scores and tiny differences
of large ones are told apart. A constraint excludes an answer that exceeds a limit in integers, and the program is solved again.
"""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from helixnas.search.budget import Budget
from helixnas.search.instance import Instance

MOST_REPAIRS = 50
"""Answers outside the limits to exclude before giving up."""

LIMIT_SCALE = 1000.0
"""Costs are scaled to thousandths of their limit, because HiGHS may violate a row by 1e-6."""


SCORE_SCALE = 1000.0
"""Scores are scaled to thousandths of their spread, because HiGHS may stop within 1e-6 of the optimum."""


@dataclass(frozen=True, kw_only=True)
class MilpAnswer:
    """The answer of HiGHS, with score and lower bound in units of 1e-12."""

    status: Literal["optimal", "infeasible", "unknown"]
    """Unknown: the time limit was reached, or all answers exceeded a limit."""

    rows: tuple[int, ...] | None = None
    """Row per block of its best answer, which is inside the limits in integers."""

    score: int | None = None
    bound: float | None = None
    seconds: float


def solve_milp(
    instance: Instance, budget: Budget, *, time_limit_s: float = math.inf, presolve: bool | None = None
) -> MilpAnswer:
    """Return the best architecture inside the budget by HiGHS, with a relative gap of 0.

    With `presolve`, HiGHS simplifies the program first. That is mostly faster, but with limits on both sides of a
    resource, HiGHS may overrun the time limit by minutes (docs/log.md); by default, it is on in all other cases. Raises
    `UnknownNameError` if the budget names a resource that the instance does not have.
    """
    budget.check(instance.resources)
    started = time.monotonic()
    least = [int(block.score.min()) for block in instance.blocks]
    scores = np.concatenate([block.score - low for block, low in zip(instance.blocks, least, strict=True)])
    firsts = np.cumsum([0, *(len(block) for block in instance.blocks[:-1])])
    unit = score_spread(instance) / SCORE_SCALE
    constraints = [*_chain_rows(instance), *_limit_rows(instance, budget)]
    bounds = Bounds(0, _allowed(instance, budget))  # pyright: ignore[reportArgumentType] - scipy takes an array
    bound: float | None = None
    if presolve is None:
        presolve = not budget.upper.keys() & budget.lower.keys()
    for _ in range(MOST_REPAIRS):
        left = time_limit_s - (time.monotonic() - started)
        if left <= 0:
            break
        solved = milp(
            scores / unit,
            integrality=np.ones(len(scores)),
            bounds=bounds,
            constraints=constraints,
            options={"mip_rel_gap": 0.0, "presolve": presolve, **({"time_limit": left} if left < math.inf else {})},
        )
        seconds = time.monotonic() - started
        if solved.status == 2:
            return MilpAnswer(status="infeasible", seconds=seconds)
        bound = None if solved.mip_dual_bound is None else float(solved.mip_dual_bound) * unit + sum(least)
        if solved.x is None:
            break
        chosen = np.flatnonzero(solved.x > 0.5)
        rows = tuple(int(place - start) for place, start in zip(chosen, firsts, strict=True))
        score, costs = total(instance, rows)
        if budget.allows(costs):
            status = "optimal" if solved.status == 0 else "unknown"
            return MilpAnswer(status=status, rows=rows, score=score, bound=bound, seconds=seconds)
        forbidden = sparse.csr_array((np.ones(len(chosen)), (np.zeros(len(chosen), int), chosen)), (1, len(scores)))
        constraints.append(LinearConstraint(forbidden, -np.inf, len(chosen) - 1))
    return MilpAnswer(status="unknown", bound=bound, seconds=time.monotonic() - started)


def _chain_rows(instance: Instance) -> list[LinearConstraint]:
    """One candidate per block, and the same number on both sides of every width."""
    sizes = [len(block) for block in instance.blocks]
    total, first = sum(sizes), np.cumsum([0, *sizes])
    block_of = np.repeat(np.arange(len(sizes)), sizes)
    one = sparse.csr_array((np.ones(total), (block_of, np.arange(total))), (len(sizes), total))
    constraints = [LinearConstraint(one, 1, 1)]
    for start, (left, right) in zip(first, pairwise(instance.blocks), strict=False):
        widths = np.union1d(left.width_out, right.width_in)
        row = np.searchsorted(widths, np.concatenate([left.width_out, right.width_in]))
        column = start + np.arange(len(row))
        sign = np.repeat([1.0, -1.0], [len(left), len(right)])
        constraints.append(LinearConstraint(sparse.csr_array((sign, (row, column)), (len(widths), total)), 0, 0))
    return constraints


def _limit_rows(instance: Instance, budget: Budget) -> list[LinearConstraint]:
    """One row per limited resource that adds up, and one for a lower limit on a maximum."""
    constraints: list[LinearConstraint] = []
    for name in budget.names:
        column = instance.column(name)
        costs = np.concatenate([block.costs[:, column] for block in instance.blocks])
        low, high = budget.lower.get(name, -np.inf), budget.upper.get(name, np.inf)
        if instance.combine[column] == "sum":
            scale = LIMIT_SCALE / max(1, budget.upper.get(name, budget.lower.get(name, 1)))
            constraints.append(LinearConstraint((costs * scale)[None], low * scale, high * scale))
        elif name in budget.lower:
            constraints.append(LinearConstraint((costs >= low).astype(np.float64)[None], 1, np.inf))
    return constraints


def _allowed(instance: Instance, budget: Budget) -> np.ndarray:
    """A candidate above the limit of a resource that combines by maximum can never be chosen."""
    upper = np.ones(sum(len(block) for block in instance.blocks))
    for name, limit in budget.upper.items():
        column = instance.column(name)
        if instance.combine[column] == "max":
            upper[np.concatenate([block.costs[:, column] for block in instance.blocks]) > limit] = 0
    return upper


def score_spread(instance: Instance) -> int:
    """Return the largest minus the smallest sum of scores, one of each block whatever the widths; at least 1."""
    return max(1, sum(int(block.score.max()) - int(block.score.min()) for block in instance.blocks))


def total(instance: Instance, rows: Sequence[int]) -> tuple[int, dict[str, int]]:
    """Return score and costs of one architecture, a row per block, added up in Python's integers."""
    chosen = list(zip(instance.blocks, rows, strict=True))
    costs: dict[str, int] = {}
    for column, (name, how) in enumerate(zip(instance.resources, instance.combine, strict=True)):
        parts = [int(block.costs[row, column]) for block, row in chosen]
        costs[name] = sum(parts) if how == "sum" else max(parts)
    return sum(int(block.score[row]) for block, row in chosen), costs
