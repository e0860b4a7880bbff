"""solve: the proven best architecture inside a budget, the k best, and the complete Pareto front (Eq. 4).

The paper's traversal (Alg. 2) grows exponentially with the blocks. A dynamic program with the width as state finds the
same optimum in milliseconds: block after block it keeps the undominated partial architectures (`dynamic_program`), within
bounds on what the rest adds (`chain`), and below a ceiling that rises until the answer is proven (`ceiling`, `relaxation`).
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.exact.ceiling import SMALL, Effort, Found, all_at_once, rise
from helixnas.search.exact.chain import Chain, build_chain
from helixnas.search.exact.dynamic_program import Rules
from helixnas.search.exact.explain import explain
from helixnas.search.exact.feasibility import any_within, is_inside, to_limits
from helixnas.search.exact.front import pareto_front
from helixnas.search.exact.relaxation import relax
from helixnas.search.instance import Instance
from helixnas.search.result import Answer, Pruning, SearchResult, answer_of


def solve(
    instance: Instance,
    budget: Budget,
    *,
    time_limit_s: float | None = None,
    num_best: int = 1,
    front_over: Sequence[str] | None = None,
    resolution: Mapping[str, int] | None = None,
) -> SearchResult:
    """Return the `num_best` best architectures inside the budget, proven.

    After `time_limit_s` seconds, an answer need not be proven best; the search always returns an answer or proves that
    there is none, even if that takes longer. `front_over` names the resources of `SearchResult.front`, by default those of
    the budget, or all if it has none; `resolution` is explained at `pareto_front`.

    Raises:
        UnknownNameError: the budget or `front_over` names a resource that the instance does not have.
        ConfigError: `num_best` is below 1 or `time_limit_s` below 0.

    >>> from helixnas.search import InstanceBlock
    >>> def block(score: list[int], macs: list[int]) -> InstanceBlock:
    ...     width, order = np.full(2, 8), np.arange(2)
    ...     costs = np.array([macs]).T
    ...     return InstanceBlock(width_in=width, width_out=width, score=np.array(score), costs=costs, order=order)
    >>> instance = Instance(blocks=(block([9, 4], [1, 3]), block([8, 5], [1, 2])), resources=("macs",))
    >>> result = solve(instance, Budget(upper={"macs": 4}))
    >>> result.status, result.best().score, result.best().costs["macs"]
    ('optimal', 12, 4)
    >>> [(answer.score, answer.costs["macs"]) for answer in result.front]
    [(12, 4), (14, 3), (17, 2)]
    """
    if num_best < 1:
        raise ConfigError(f"num_best must be at least 1, not {num_best}")
    if time_limit_s is not None and time_limit_s < 0:
        raise ConfigError(f"time_limit_s must be at least 0 seconds, not {time_limit_s}")
    asked = _asked(instance, budget, front_over)
    started = time.monotonic()
    limits = to_limits(instance, budget)
    chain = build_chain(instance, limits)
    rules = Rules(
        limits=limits,
        is_max=instance.is_max,
        num_ties=len(instance.resources),
        copies=num_best,
        deadline=np.inf if time_limit_s is None else started + time_limit_s,
    )
    found = None if chain.is_empty else find_best(instance, instance, chain, rules)
    effort = Effort() if found is None else found.effort
    return SearchResult(
        instance=instance,
        budget=budget,
        status="infeasible" if found is None else "optimal" if found.proven else "feasible",
        answers=() if found is None else found.answers,
        bound=None if found is None else found.bound,
        find_reason=lambda: explain(instance, budget),
        find_front=lambda: pareto_front(instance, budget, asked, resolution=resolution),
        exhausted=found is not None and found.exhausted,
        pruning=Pruning(unconnected=chain.unconnected, over_limit=chain.over_limit, **asdict(effort)),
        seconds=time.monotonic() - started,
    )


def find_best(named: Instance, instance: Instance, chain: Chain, rules: Rules) -> Found | None:
    """Return the best answers of a non-empty chain, or None if no architecture meets all limits.

    `instance` belongs to the chain and may have more resources than `named`, whose resources order the answers.
    """
    if chain.num_architectures <= SMALL:
        found = all_at_once(named, chain, rules)
        return found if found.answers else None
    relaxation, met = relax(chain, rules.limits, rules.is_max)
    if relaxation.floor > chain.most_score:
        return None
    known = [rows for rows in map(chain.rows, met) if is_inside(answer_of(instance, rows), rules.limits)]

    def find_any() -> Answer | None:
        rows = any_within(instance, rules.limits)
        return None if rows is None else answer_of(named, rows)

    return rise(named, chain, rules, relaxation, [answer_of(named, rows) for rows in known], find_any)


def _asked(instance: Instance, budget: Budget, front_over: Sequence[str] | None) -> tuple[str, ...]:
    names = budget.names or instance.resources if front_over is None else tuple(front_over)
    for name in names:
        instance.column(name)
    return tuple(name for name in instance.resources if name in names)
