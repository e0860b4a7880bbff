"""Whether any architecture meets a budget: a limited resource takes the place of the score.

The Lagrangian bound settles most cases: either it exceeds every value of the resource, so no architecture meets the
limits, or one is found while computing the bound or below the first ceilings. Otherwise the dynamic program finds the
least of the resource under the other limits, with one column less than a search for the score needs.
"""

from dataclasses import replace

import numpy as np

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.exact.ceiling import MOST_PARTIALS, SMALL, rise
from helixnas.search.exact.chain import Limits, build_chain
from helixnas.search.exact.dynamic_program import Rules, TooManyPartialsError, sweep, trace
from helixnas.search.exact.relaxation import relax
from helixnas.search.instance import LARGEST_TOTAL, Instance, Ints
from helixnas.search.result import Answer, answer_of


def is_feasible(instance: Instance, budget: Budget) -> bool:
    """Return whether any architecture meets `budget`, whatever its score."""
    return any_within(instance, to_limits(instance, budget)) is not None


def any_within(instance: Instance, limits: Limits, *, most_partials: int = MOST_PARTIALS) -> Ints | None:
    """Return the rows of some architecture inside the limits, if any; raises `ConfigError` if that takes too long."""
    chosen, sign = _easiest_side(instance, limits)
    cheap = priced(instance, chosen, sign)
    chain = build_chain(cheap, limits)
    if chain.is_empty:
        return None
    rules = Rules(limits=limits, is_max=instance.is_max, num_ties=0, most_partials=most_partials)
    try:
        if chain.num_architectures > SMALL:
            relaxation, met = relax(chain, limits, instance.is_max)
            if relaxation.floor > chain.most_score:
                return None
            for places in met:
                rows = chain.rows(places)
                if is_inside(answer_of(instance, rows), limits):
                    return rows
            try:
                found = rise(cheap, chain, rules, relaxation, (), _give_up)
                return None if found is None else np.array(found.answers[0].rows)
            except _UndecidedError:
                pass
        return _exhaustively(cheap, limits, rules, chosen, sign)
    except TooManyPartialsError as error:
        raise ConfigError(
            f"deciding whether an architecture meets the limits takes more than {most_partials:,} partial architectures; "
            "widen the limits of resources that have one on both sides"
        ) from error


def is_inside(answer: Answer, limits: Limits) -> bool:
    """Return whether an answer meets limits by column."""
    costs = list(answer.costs.values())
    below = all(costs[column] <= limit for column, limit in limits.upper.items())
    return below and all(costs[column] >= limit for column, limit in limits.lower.items())


class _UndecidedError(Exception):
    """The first ceilings found nothing."""


def _give_up() -> Answer | None:
    raise _UndecidedError


def _easiest_side(instance: Instance, limits: Limits) -> tuple[int | None, int]:
    """Return a resource that adds up and has a limit, rather on one side alone, and the sign that makes less better."""
    sides = [(column, 1) for column in limits.upper] + [(column, -1) for column in limits.lower]
    sides = [(column, sign) for column, sign in sides if not instance.is_max[column]]
    alone = [side for side in sides if (side[0] in limits.upper) != (side[0] in limits.lower)]
    return next(iter(alone or sides), (None, 0))


def _exhaustively(cheap: Instance, limits: Limits, rules: Rules, chosen: int | None, sign: int) -> Ints | None:
    """Find the least of the chosen resource under the other limits."""
    upper = {column: limit for column, limit in limits.upper.items() if (column, 1) != (chosen, sign)}
    lower = {column: limit for column, limit in limits.lower.items() if (column, -1) != (chosen, sign)}
    others = replace(rules, limits=Limits(upper=upper, lower=lower))
    layers = sweep(build_chain(cheap, limits), others).layers
    best = np.argsort(layers[-1].score, kind="stable")[:1]
    if not len(best):
        return None
    value = int(layers[-1].score[best[0]])
    if (sign > 0 and value > limits.upper[chosen or 0]) or (sign < 0 and -value < limits.lower[chosen or 0]):
        return None
    return trace(layers, best)[0]


def priced(instance: Instance, column: int | None, sign: int = 1) -> Instance:
    """Return the instance with a resource in the place of the score, or no score at all."""
    blocks = tuple(
        replace(
            block,
            score=np.zeros(len(block), np.int64) if column is None else sign * block.costs[:, column],
            labels=None,
            slots=None,
        )
        for block in instance.blocks
    )
    return replace(instance, blocks=blocks)


def to_limits(instance: Instance, budget: Budget) -> Limits:
    """Return the budget by column, within the range of the arithmetic."""
    budget.check(instance.resources)
    most = LARGEST_TOTAL + 1
    return Limits(
        upper={instance.column(name): min(limit, most) for name, limit in budget.upper.items()},
        lower={instance.column(name): min(limit, most) for name, limit in budget.lower.items()},
    )
