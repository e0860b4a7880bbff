"""Whether anything meets a budget at all: a limited resource takes the place of the score.

The least of that resource under the other limits decides, and the programme carries one column less than it would for
the score.
"""

from collections.abc import Mapping

import numpy as np

from helixnas.search.budget import Budget
from helixnas.search.chain import Limits, build_chain
from helixnas.search.instance import LARGEST_TOTAL, Instance, InstanceBlock, Ints
from helixnas.search.programme import Rules, sweep, trace


def is_feasible(instance: Instance, budget: Budget) -> bool:
    """Return whether any architecture meets `budget`, whatever its score.

    >>> one = np.array([1])
    >>> block = InstanceBlock(width_in=one, width_out=one, score=one, costs=one[:, None], order=one)
    >>> instance = Instance(blocks=(block, block), resources=("macs",))
    >>> is_feasible(instance, Budget(upper={"macs": 2})), is_feasible(instance, Budget(lower={"macs": 3}))
    (True, False)
    """
    return any_within(instance, to_limits(instance, budget)) is not None


def any_within(instance: Instance, limits: Limits) -> Ints | None:
    """Return the row per block of some architecture inside the limits, or None where there is none."""
    is_sum = [how == "sum" for how in instance.combine]
    upper = [column for column in limits.upper if is_sum[column]]
    lower = [column for column in limits.lower if is_sum[column]]
    chosen, sign = (upper[0], 1) if upper else (lower[0], -1) if lower else (None, 0)
    chain = build_chain(priced(instance, chosen, sign), limits)
    if chain.is_empty:
        return None
    others = Limits(upper=_without(limits.upper, upper[:1]), lower=_without(limits.lower, [] if upper else lower[:1]))
    rules = Rules(limits=others, is_max=tuple(not adds for adds in is_sum), num_ties=0)
    layers = sweep(chain, rules).layers
    last = layers[-1].take(np.argsort(layers[-1].score, kind="stable")[:1])
    if not len(last):
        return None
    if (upper and last.score[0] > limits.upper[upper[0]]) or (sign < 0 and -last.score[0] < limits.lower[lower[0]]):
        return None
    return trace(layers, np.argsort(layers[-1].score, kind="stable")[:1])[0]


def priced(instance: Instance, column: int | None, sign: int = 1) -> Instance:
    """Return the instance with a resource in the place of the score, or no score at all."""
    blocks = (
        InstanceBlock(
            width_in=block.width_in,
            width_out=block.width_out,
            score=np.zeros(len(block), np.int64) if column is None else sign * block.costs[:, column],
            costs=block.costs,
            order=block.order,
        )
        for block in instance.blocks
    )
    return Instance(blocks=tuple(blocks), resources=instance.resources, combine=instance.combine)


def to_limits(instance: Instance, budget: Budget) -> Limits:
    """Return the budget by column, within the range of the arithmetic."""
    budget.check(instance.resources)
    most = LARGEST_TOTAL + 1
    return Limits(
        upper={instance.column(name): min(limit, most) for name, limit in budget.upper.items()},
        lower={instance.column(name): min(limit, most) for name, limit in budget.lower.items()},
    )


def _without(limits: Mapping[int, int], columns: list[int]) -> dict[int, int]:
    return {column: limit for column, limit in limits.items() if column not in columns}
