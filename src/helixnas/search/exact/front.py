"""The complete Pareto front of score against resources, exactly, or at a resolution if the exact one is too large.

A front needs every partial architecture that is undominated in score and the front's resources, so the dynamic program
runs without a ceiling. Beyond `MOST_POINTS` the front is refused, with a resolution that fits. At a resolution, the costs
of every candidate are rounded up to whole steps, and the front is complete and exact for the rounded costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.amounts import readable
from helixnas.search.budget import Budget
from helixnas.search.exact.chain import Limits, build_chain
from helixnas.search.exact.dominance import undominated
from helixnas.search.exact.dynamic_program import Layer, Rules, TooManyPartialsError, in_order, sweep, trace
from helixnas.search.exact.feasibility import is_feasible, to_limits
from helixnas.search.instance import LARGEST_TOTAL, Instance, Ints
from helixnas.search.result import ParetoFront

MOST_POINTS = 500_000
"""Partial architectures that a front may keep per block."""


def pareto_front(
    instance: Instance,
    budget: Budget,
    resources: Sequence[str],
    *,
    resolution: Mapping[str, int] | None = None,
    most_points: int | None = None,
) -> ParetoFront:
    """Return the complete front of score against `resources` among the architectures inside the budget, by score.

    It is empty if no architecture meets the limits. Up to three resources work for any size of space. `resolution` is, per
    resource, a step to whose multiples every candidate's cost is rounded up, for the limits too. `most_points` is the limit on
    partial architectures per block, `MOST_POINTS` if not given.

    Raises:
        UnknownNameError: a resource is not one of the instance's.
        ConfigError: the front is too large (the message names a resolution that fits), or a step is below 1, so large
            that nothing is left inside the limits, or on a resource that has a lower limit.

    >>> from helixnas.search import InstanceBlock
    >>> width, order = np.full(2, 8), np.arange(2)
    >>> score, costs = np.array([9, 4]), np.array([[1], [3]])
    >>> block = InstanceBlock(width_in=width, width_out=width, score=score, costs=costs, order=order)
    >>> instance = Instance(blocks=(block, block), resources=("macs",))
    >>> [(answer.score, answer.costs["macs"]) for answer in pareto_front(instance, Budget(), ["macs"])]
    [(8, 6), (13, 4), (18, 2)]
    """
    columns = [instance.column(name) for name in resources]
    limits, steps, most = to_limits(instance, budget), dict(resolution or {}), most_points or MOST_POINTS
    rounded = _round_up(instance, limits, steps)
    chain = build_chain(rounded, limits)
    rows = np.zeros((0, len(instance.blocks)), np.int64)
    if not chain.is_empty:
        num_ties = len(instance.resources)
        rules = Rules(limits=limits, asked=tuple(columns), is_max=instance.is_max, num_ties=num_ties)
        try:
            layers = sweep(chain, replace(rules, most_partials=most)).layers
        except TooManyPartialsError as error:
            raise ConfigError(_refusal(instance, budget, resources, most)) from error
        rows = trace(layers, _front_of(layers[-1], columns))
    if steps and not len(rows) and is_feasible(instance, budget):
        raise ConfigError("rounded up at this resolution, no architecture is inside the limits; take smaller steps")
    score, costs = instance.totals(rows)
    return ParetoFront(instance=instance, resources=tuple(resources), rows=rows, score=score, costs=costs, steps=steps)


def _front_of(last: Layer, columns: Sequence[int]) -> Ints:
    """Return the places of the front; the order in which rows are compared ends with that of ties."""
    asked = last.costs[:, list(columns)]
    order = in_order(last.score, np.concatenate([asked, last.costs], axis=1), last.rank)
    return order[undominated(asked[order])]


def _round_up(instance: Instance, limits: Limits, steps: Mapping[str, int]) -> Instance:
    if not steps:
        return instance
    width = np.ones(len(instance.resources), np.int64)
    for name, step in steps.items():
        if step < 1:
            raise ConfigError(f"the resolution of {name!r} must be at least 1, not {step}")
        if instance.column(name) in limits.lower:
            raise ConfigError(
                f"{name!r} has a lower limit, which rounded costs cannot guarantee; leave its resolution out"
            )
        width[instance.column(name)] = step
    blocks = tuple(replace(block, costs=-(-block.costs // width) * width) for block in instance.blocks)
    return replace(instance, blocks=blocks)


def _refusal(instance: Instance, budget: Budget, resources: Sequence[str], most_points: int) -> str:
    """Return a message with a resolution that fits: few enough steps per resource to bound the rounded combinations."""
    text = f"the front of score against {', '.join(resources)} needs more than {most_points:,} partial architectures"
    if budget.lower:
        return f"{text}; ask for fewer resources, or leave lower limits out"
    names = [name for name in instance.resources if name in resources or name in budget.upper]
    chain = build_chain(instance, Limits(upper=dict.fromkeys(range(len(instance.resources)), LARGEST_TOTAL), lower={}))
    widths = max(len(np.unique(block.width_out)) for block in instance.blocks)
    num_steps = max(1, int((most_points / widths) ** (1 / len(names))) - len(instance.blocks) - 1)
    fitting: list[str] = []
    for name in names:
        column = instance.column(name)
        most = min(int(chain.ahead[0].most[0, column]), budget.upper.get(name, LARGEST_TOTAL))
        reach = most - int(chain.ahead[0].least[0, column])
        fitting.append("=".join(readable(name, -(-reach // num_steps))).replace(",", ""))
    return f"{text}; ask for fewer resources, set limits, or round costs up: resolution {', '.join(fitting)} fits"
