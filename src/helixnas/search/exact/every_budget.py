"""The answers of all budgets: every network that some upper limits on a few resources make the best one.

A search under upper limits answers with a point of the Pareto front of score against the limited resources. Which networks
of equal score and costs are on that front depends on the resources that break ties, and these on which are limited
(`tie_order`). So the answers are the union of the fronts over all subsets of the resources.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from helixnas.search.budget import Budget, tie_order
from helixnas.search.exact.front import pareto_front
from helixnas.search.instance import Instance, Ints

Over = Callable[[Sequence[str]], Instance]
"""Returns the instance of a search over some resources, in the order that breaks ties."""


@dataclass(frozen=True, kw_only=True, eq=False)
class EveryAnswer:
    """All networks that are the best under some upper limits on `resources`, by score, equal scores by text."""

    instance: Instance
    """Over the resources that may be limited or break ties."""

    resources: tuple[str, ...]
    """Resources that may be limited."""

    rows: Ints
    """(answers, blocks) row per block."""

    score: Ints
    """(answers,) in units of 1e-12."""

    costs: Ints
    """(answers, resources of the instance)."""

    def __len__(self) -> int:
        return len(self.score)


def every_answer(over: Over, resources: Sequence[str], *, most_points: int | None = None) -> EveryAnswer:
    """Return the answers of all searches with upper limits on some of `resources`, or on none.

    Among answers that meet its limits, a search takes the lowest score, then the lowest costs in the order of `tie_order`,
    then the first. Raises `ConfigError` if a front needs more than `most_points` partial
    architectures in a block (`MOST_POINTS` if not given).
    """
    found: list[Ints] = []
    for size in reversed(range(len(resources) + 1)):  # the largest front first: it is the one that may be refused
        for limited in combinations(resources, size):
            instance = over(tie_order(Budget(upper=dict.fromkeys(limited, 0))))
            found.append(pareto_front(instance, Budget(), limited, most_points=most_points).rows)
    rows = np.unique(np.concatenate(found), axis=0)
    instance = over(tie_order(Budget(upper=dict.fromkeys(resources, 0))))
    score, costs = instance.totals(rows)
    texts = [block.order[row] for block, row in zip(instance.blocks, rows.T, strict=True)]
    order = np.lexsort((*texts[::-1], score))
    return EveryAnswer(
        instance=instance, resources=tuple(resources), rows=rows[order], score=score[order], costs=costs[order]
    )
