"""Why a budget cannot be met: what the space reaches, which limits conflict, by how much the budgets must grow.

The conflict is a smallest set of limits that no architecture meets. The factor is the least of ``max over r of cost_r /
limit_r`` over the architectures that meet the lower limits: bisection narrows the interval, then the dynamic program
finds the Pareto front of the costs inside it. If limits on both sides make that too expensive, the reason is not exact.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.exact.chain import Limits, build_chain
from helixnas.search.exact.dynamic_program import Rules, TooManyPartialsError, sweep
from helixnas.search.exact.feasibility import any_within, priced, to_limits
from helixnas.search.exact.relaxation import relax
from helixnas.search.instance import LARGEST_TOTAL, Instance, Ints
from helixnas.search.result import Infeasibility

NUM_HALVINGS = 6
"""Bisection steps for the factor."""

MOST_PARTIALS = 500_000
"""Partial architectures that the check of one set of limits may keep."""


def explain(instance: Instance, budget: Budget) -> Infeasibility:
    """Return why no architecture meets `budget`; it must be infeasible."""
    everything = dict.fromkeys(range(len(instance.resources)), LARGEST_TOTAL)
    reach = build_chain(instance, Limits(upper=everything, lower={})).ahead[0]
    smallest = {name: int(reach.least[0, column]) for column, name in enumerate(instance.resources)}
    largest = {name: int(reach.most[0, column]) for column, name in enumerate(instance.resources)}
    if instance.size == 0:
        return Infeasibility(smallest={}, largest={}, conflict=Budget(), factor=None, needed={})
    conflict, is_smallest = _conflict(instance, budget)
    factor, is_least = _factor(instance, budget, largest)
    return Infeasibility(
        smallest=smallest,
        largest=largest,
        conflict=conflict,
        factor=factor,
        needed={} if factor is None else {name: int(limit * factor) for name, limit in budget.upper.items()},
        exact=is_smallest and is_least,
    )


def _conflict(instance: Instance, budget: Budget) -> tuple[Budget, bool]:
    """Return a smallest set of limits that nothing meets, and whether every smaller set is known to be feasible."""
    limits = [("upper", name) for name in budget.upper] + [("lower", name) for name in budget.lower]
    sure = True
    for number in range(1, len(limits)):
        for some in combinations(limits, number):
            part = Budget(
                upper={name: budget.upper[name] for side, name in some if side == "upper"},
                lower={name: budget.lower[name] for side, name in some if side == "lower"},
            )
            meets = _meets(instance, part)
            if meets is False:
                return part, sure
            sure = sure and meets is not None
    return budget, sure


def _meets(instance: Instance, budget: Budget) -> bool | None:
    """Return whether any architecture meets a budget; None if the decision takes too long."""
    try:
        return any_within(instance, to_limits(instance, budget), most_partials=MOST_PARTIALS) is not None
    except ConfigError:
        return None


def _factor(instance: Instance, budget: Budget, largest: Mapping[str, int]) -> tuple[Fraction | None, bool]:
    """Return the least factor by which all upper limits must grow together, and whether it is known to be the least."""
    hard = {name: limit for name, limit in budget.upper.items() if limit == 0}
    soft = {name: limit for name, limit in budget.upper.items() if limit > 0}
    ever = _meets(instance, Budget(upper=hard, lower=budget.lower)) if soft else False
    if not ever:
        return None, ever is not None

    def suffices(factor: Fraction) -> bool | None:
        binding = {name: limit for name, limit in _grown(soft, factor).items() if limit < largest[name]}
        return _meets(instance, Budget(upper=hard | binding, lower=budget.lower))

    too_little, enough = Fraction(1), Fraction(2)
    while not suffices(enough):  # it ends where no limit binds any more, which `ever` has settled
        too_little, enough = enough, 2 * enough
    for _ in range(NUM_HALVINGS):  # the nearer, the smaller the front that is looked at in the end
        middle = (too_little + enough) / 2
        too_little, enough = (too_little, middle) if suffices(middle) else (middle, enough)
    try:
        return _least_factor(instance, hard, soft, budget.lower, enough), True
    except TooManyPartialsError:
        return enough, False


def _least_factor(
    instance: Instance, hard: Mapping[str, int], soft: Mapping[str, int], lower: Mapping[str, int], enough: Fraction
) -> Fraction:
    """Return the least factor at most `enough`, from the front of the limited resources."""
    limits = to_limits(instance, Budget(upper={**hard, **_grown(soft, enough)}, lower=lower))
    columns = [instance.column(name) for name in soft]
    first = next((column for column in columns if not instance.is_max[column]), None)
    chain = build_chain(priced(instance, first), limits)
    rules = Rules(
        limits=limits,
        asked=tuple(column for column in columns if column != first),
        is_max=instance.is_max,
        num_ties=0,
        ceiling=np.inf if first is None else float(limits.upper[first]),
        most_partials=MOST_PARTIALS,
    )
    layers = sweep(chain, rules, relax(chain, limits, instance.is_max)[0]).layers
    ratios = [layers[-1].costs[:, instance.column(name)] / limit for name, limit in soft.items()]
    largest: np.ndarray = np.max(ratios, axis=0)
    near = np.flatnonzero(largest <= largest.min() * (1 + 1e-9))
    return min(_ratio(layers[-1].costs[place], instance, soft) for place in near)


def _ratio(costs: Ints, instance: Instance, soft: Mapping[str, int]) -> Fraction:
    return max(Fraction(int(costs[instance.column(name)]), limit) for name, limit in soft.items())


def _grown(limits: Mapping[str, int], factor: Fraction) -> dict[str, int]:
    return {name: int(limit * factor) for name, limit in limits.items()}
