"""solve: the proven best architecture inside a budget, the k best, and the complete Pareto front (Eq. 4).

The paper's traversal (Alg. 2) tries combinations and grows exponentially with the blocks. Costs and scores are a chain,
so a dynamic programme with the width as state finds the same optimum in milliseconds: block after block it keeps the
partial architectures that no other can replace (`programme`), within bounds on what the rest must add (`chain`).
"""

import time
from collections.abc import Sequence

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.chain import Chain, Limits, build_chain
from helixnas.search.dominance import undominated
from helixnas.search.explain import explain
from helixnas.search.instance import LARGEST_TOTAL, Instance
from helixnas.search.programme import Rules, Sweep, in_order, sweep, trace
from helixnas.search.result import ParetoFront, SearchResult, answer_of


def solve(
    instance: Instance,
    budget: Budget,
    *,
    time_limit_s: float | None = None,
    num_best: int = 1,
    front_over: Sequence[str] | None = None,
) -> SearchResult:
    """Return the best architectures inside the budget, proven.

    Args:
        instance: candidates, scores and costs.
        budget: limits in whole units.
        time_limit_s: seconds after which the search may settle for an answer that is not proven best; it always gives
            an answer, or proves that there is none, however long that takes.
        num_best: how many answers, best first.
        front_over: resources that `SearchResult.front` weighs the score against; left out, those of the budget, or all
            where it has none.

    Raises:
        UnknownNameError: the budget or `front_over` names a resource that the instance does not know.
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
    is_max = tuple(how == "max" for how in instance.combine)
    deadline = None if time_limit_s is None else started + time_limit_s
    chain = build_chain(instance, limits)
    swept = _sweep(chain, Rules(limits=limits, copies=num_best, is_max=is_max, deadline=deadline))
    rows = trace(swept.layers, np.arange(len(swept.layers[-1]))[:num_best]) if swept is not None else ()
    answers = tuple(answer_of(instance, row) for row in rows)
    cut = None if swept is None else swept.cut_bound
    proven = cut is None or (len(answers) == num_best and cut > answers[-1].score)
    return SearchResult(
        instance=instance,
        budget=budget,
        status="infeasible" if not answers else "optimal" if proven else "feasible",
        answers=answers,
        bound=None if not answers else answers[0].score if cut is None else min(cut, answers[0].score),
        infeasibility=None if answers else explain(instance, budget),
        find_front=lambda: pareto_front(instance, budget, asked),
        num_feasible_at_most=len(answers) if cut is None and len(answers) < num_best else instance.size,
        unconnected=chain.unconnected,
        over_limit=chain.over_limit,
        dominated=0 if swept is None else swept.dominated,
        num_partials=0 if swept is None else swept.num_partials,
        seconds=time.monotonic() - started,
    )


def pareto_front(instance: Instance, budget: Budget, resources: Sequence[str]) -> ParetoFront:
    """Return the complete exact front of score against `resources` among the architectures inside the budget.

    It is empty where nothing meets the limits.
    """
    columns = tuple(instance.column(name) for name in resources)
    limits = to_limits(instance, budget)
    is_max = tuple(how == "max" for how in instance.combine)
    chain = build_chain(instance, limits)
    swept = _sweep(chain, Rules(limits=limits, asked=columns, is_max=is_max))
    if swept is None:
        empty = np.zeros((0, len(instance.resources)), np.int64)
        rows = np.zeros((0, len(instance.blocks)), np.int64)
        return ParetoFront(instance=instance, resources=tuple(resources), rows=rows, score=empty[:, 0], costs=empty)
    last = swept.layers[-1]
    order = in_order(last.score, np.concatenate([last.costs[:, list(columns)], last.costs], axis=1), last.rank)
    order = order[undominated(last.costs[order][:, list(columns)])]
    return ParetoFront(
        instance=instance,
        resources=tuple(resources),
        rows=trace(swept.layers, order),
        score=last.score[order],
        costs=last.costs[order],
    )


def to_limits(instance: Instance, budget: Budget) -> Limits:
    """Return the budget by column, within the range of the arithmetic."""
    budget.check(instance.resources)
    most = LARGEST_TOTAL + 1
    return Limits(
        upper={instance.column(name): min(limit, most) for name, limit in budget.upper.items()},
        lower={instance.column(name): min(limit, most) for name, limit in budget.lower.items()},
    )


def _asked(instance: Instance, budget: Budget, front_over: Sequence[str] | None) -> tuple[str, ...]:
    names = budget.names or instance.resources if front_over is None else tuple(front_over)
    for name in names:
        instance.column(name)
    return tuple(name for name in instance.resources if name in names)


def _sweep(chain: Chain, rules: Rules) -> Sweep | None:
    """Run the programme; None where nothing meets the limits. What is cut for lack of time never hides an answer."""
    if chain.is_empty:
        return None
    swept = sweep(chain, rules)
    if not len(swept.layers[-1]) and swept.cut_bound is not None:
        swept = sweep(chain, Rules(limits=rules.limits, asked=rules.asked, copies=rules.copies, is_max=rules.is_max))
    return swept if len(swept.layers[-1]) else None
