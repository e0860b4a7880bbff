"""Why a budget cannot be met: what the space reaches, which limits conflict, by how much the budgets must grow.

All three are exact. A smallest conflicting set is the first, by size, of the sets of limits that nothing meets. The
factor is the least of ``max over r of cost_r / limit_r`` over the architectures that meet the lower limits: it lies on
the Pareto front of the costs among each other, which the programme finds with a cost in the place of the score.
"""

from collections.abc import Mapping
from fractions import Fraction
from itertools import combinations

import numpy as np

from helixnas.search.budget import Budget
from helixnas.search.chain import Ahead, Limits, build_chain
from helixnas.search.feasibility import is_feasible, priced, to_limits
from helixnas.search.instance import LARGEST_TOTAL, Instance, Ints
from helixnas.search.programme import Rules, sweep
from helixnas.search.result import Infeasibility

NUM_HALVINGS = 4
"""How often the interval that holds the factor is halved."""


def explain(instance: Instance, budget: Budget) -> Infeasibility:
    """Return why no architecture meets `budget`; it must be infeasible."""
    reach = _reach(instance)
    smallest = {name: int(reach.least[0, column]) for column, name in enumerate(instance.resources)}
    largest = {name: int(reach.most[0, column]) for column, name in enumerate(instance.resources)}
    if instance.size == 0:
        return Infeasibility(smallest={}, largest={}, conflict=Budget(), factor=None, needed={})
    factor = _factor(instance, budget)
    return Infeasibility(
        smallest=smallest,
        largest=largest,
        conflict=_conflict(instance, budget),
        factor=factor,
        needed={} if factor is None else {name: int(limit * factor) for name, limit in budget.upper.items()},
    )


def _reach(instance: Instance) -> Ahead:
    """Return the least and the most of every resource over the whole space."""
    everything = {column: LARGEST_TOTAL for column in range(len(instance.resources))}
    return build_chain(instance, Limits(upper=everything, lower={})).ahead[0]


def _conflict(instance: Instance, budget: Budget) -> Budget:
    limits = [("upper", name) for name in budget.upper] + [("lower", name) for name in budget.lower]
    for number in range(1, len(limits)):
        for some in combinations(limits, number):
            part = Budget(
                upper={name: budget.upper[name] for side, name in some if side == "upper"},
                lower={name: budget.lower[name] for side, name in some if side == "lower"},
            )
            if not is_feasible(instance, part):
                return part
    return budget


def _factor(instance: Instance, budget: Budget) -> Fraction | None:
    """Return the least factor by which all upper limits must grow together."""
    hard = {name: limit for name, limit in budget.upper.items() if limit == 0}
    soft = {name: limit for name, limit in budget.upper.items() if limit > 0}
    if not soft or not is_feasible(instance, Budget(upper=hard, lower=budget.lower)):
        return None

    def suffices(factor: Fraction) -> bool:
        return is_feasible(instance, Budget(upper=hard | _grown(soft, factor), lower=budget.lower))

    too_little, enough = Fraction(1), Fraction(2)
    while not suffices(enough):
        too_little, enough = enough, 2 * enough
    for _ in range(NUM_HALVINGS):  # the nearer, the smaller the front that is looked at in the end
        middle = (too_little + enough) / 2
        too_little, enough = (too_little, middle) if suffices(middle) else (middle, enough)
    return _least_factor(instance, hard, soft, budget.lower, enough)


def _least_factor(
    instance: Instance, hard: Mapping[str, int], soft: Mapping[str, int], lower: Mapping[str, int], enough: Fraction
) -> Fraction:
    """Return the least factor at most `enough`, from the front of the limited resources."""
    limits = to_limits(instance, Budget(upper={**hard, **_grown(soft, enough)}, lower=lower))
    sums = [name for name in soft if instance.combine[instance.column(name)] == "sum"]
    chain = build_chain(priced(instance, instance.column(sums[0]) if sums else None), limits)
    asked = tuple(instance.column(name) for name in soft if name not in sums[:1])
    is_max = tuple(how == "max" for how in instance.combine)
    layers = sweep(chain, Rules(limits=limits, asked=asked, is_max=is_max, num_ties=0)).layers
    ratios = [layers[-1].costs[:, instance.column(name)] / limit for name, limit in soft.items()]
    largest: np.ndarray = np.max(ratios, axis=0)
    near = np.flatnonzero(largest <= largest.min() * (1 + 1e-9))
    return min(_ratio(layers[-1].costs[place], instance, soft) for place in near)


def _ratio(costs: Ints, instance: Instance, soft: Mapping[str, int]) -> Fraction:
    return max(Fraction(int(costs[instance.column(name)]), limit) for name, limit in soft.items())


def _grown(limits: Mapping[str, int], factor: Fraction) -> dict[str, int]:
    return {name: int(limit * factor) for name, limit in limits.items()}
