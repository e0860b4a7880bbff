"""verify: an independent check of an answer, from the instance and the architecture alone.

It shares no code with the solver. It walks the architecture through the instance, adds score and costs up in Python's
integers, holds them against the limits, and asks HiGHS for the optimum (`milp`). What it does *not* verify: that scores
and costs in the instance are right (the ratings and the cost model), the order of ties, the k best, and the front.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from helixnas.errors import ConfigError
from helixnas.search.budget import Budget
from helixnas.search.instance import SCORE_UNIT, Instance
from helixnas.search.milp import MilpAnswer, solve_milp

AGREEMENT = 1e-6
"""By how much two scores may differ, in units of the score or as a share of it where that is larger."""

NOT_VERIFIED = (
    "not verified: the ratings and costs themselves, the choice among equal scores, further answers, and the front"
)
"""What a verification says nothing about."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """What was found; an answer is verified where `problems` is empty."""

    score: int
    """Recomputed, in units of 1e-12."""

    costs: Mapping[str, int]
    """Recomputed."""

    problems: tuple[str, ...]
    """One sentence each: a score or cost that was claimed otherwise, a limit that is broken, a better architecture."""

    optimum: Literal["confirmed", "not confirmed", "refuted"]
    """Whether HiGHS finds nothing better; not confirmed: its time was up."""

    highs_score: int | None
    """HiGHS's best score, in units of 1e-12."""

    seconds: float
    """Time that HiGHS took."""

    @property
    def sentence(self) -> str:
        """The outcome in words, with what was not verified."""
        found = "; ".join(self.problems) or "score, costs and limits agree"
        return f"{found}; optimum {self.optimum} by HiGHS; {NOT_VERIFIED}"


def verify(
    instance: Instance,
    budget: Budget,
    architecture: Sequence[str] | Sequence[int],
    *,
    score: int,
    costs: Mapping[str, int],
    time_limit_s: float = 60.0,
) -> Verification:
    """Check an answer: the claimed score and costs, the limits, and that nothing is better.

    Args:
        instance: candidates, scores and costs.
        budget: the limits the answer claims to meet.
        architecture: per block, the text of the candidate, or its row.
        score: the claimed score in units of 1e-12.
        costs: the claimed costs; a resource that is not named is not compared.
        time_limit_s: seconds for HiGHS.

    Raises:
        ConfigError: the architecture is not one of the instance.

    >>> import numpy as np
    >>> from helixnas.search import InstanceBlock
    >>> width, order = np.full(2, 8), np.arange(2)
    >>> scores, costs = np.array([9, 4]), np.array([[1], [3]])
    >>> block = InstanceBlock(width_in=width, width_out=width, score=scores, costs=costs, order=order)
    >>> instance = Instance(blocks=(block, block), resources=("macs",))
    >>> verify(instance, Budget(upper={"macs": 5}), (0, 1), score=13, costs={"macs": 4}).sentence.split(";")[0]
    'score, costs and limits agree'
    """
    rows = _locate(instance, architecture)
    chosen = list(zip(instance.blocks, rows, strict=True))
    total = sum(int(block.score[row]) for block, row in chosen)
    sums: dict[str, int] = {}
    for column, (name, how) in enumerate(zip(instance.resources, instance.combine, strict=True)):
        parts = [int(block.costs[row, column]) for block, row in chosen]
        sums[name] = sum(parts) if how == "sum" else max(parts)
    problems = [f"the score is {total:,}, not {score:,}"] if score != total else []
    problems += [f"{name} is {sums[name]:,}, not {costs[name]:,}" for name in costs if costs[name] != sums.get(name)]
    problems += [f"{n} is {sums[n]:,}, above {limit:,}" for n, limit in budget.upper.items() if sums[n] > limit]
    problems += [f"{n} is {sums[n]:,}, below {limit:,}" for n, limit in budget.lower.items() if sums[n] < limit]
    highs = solve_milp(instance, budget, time_limit_s=time_limit_s)
    optimum = _judge(total, highs)
    if optimum == "refuted" and highs.score is not None:
        problems.append(f"HiGHS finds a score of {highs.score:,}, better than {total:,}")
    return Verification(
        score=total,
        costs=sums,
        problems=tuple(problems),
        optimum=optimum,
        highs_score=highs.score,
        seconds=highs.seconds,
    )


def _judge(score: int, highs: MilpAnswer) -> Literal["confirmed", "not confirmed", "refuted"]:
    tolerance = AGREEMENT * max(abs(score), 1 / SCORE_UNIT)
    if highs.score is not None and highs.score < score - tolerance:
        return "refuted"
    if highs.status == "optimal" and highs.score is not None and abs(highs.score - score) <= tolerance:
        return "confirmed"
    return "not confirmed"


def _locate(instance: Instance, architecture: Sequence[str] | Sequence[int]) -> tuple[int, ...]:
    """Return the row per block, walking from width to width."""
    if len(architecture) != len(instance.blocks):
        raise ConfigError(f"an architecture of {len(architecture)} parts does not fit {len(instance.blocks)} blocks")
    rows: list[int] = []
    width: int | None = None
    for number, (block, part) in enumerate(zip(instance.blocks, architecture, strict=True)):
        fits = [row for row in range(len(block)) if width is None or int(block.width_in[row]) == width]
        matching = [row for row in fits if part in (row, None if block.labels is None else block.labels[row])]
        if len(matching) != 1:
            raise ConfigError(f"block {number} has {len(matching)} candidates {part!r} that receive {width} channels")
        rows.append(matching[0])
        width = int(block.width_out[matching[0]])
    return tuple(rows)


def agrees(first: int, second: int) -> bool:
    """Return whether two scores agree to 1e-6.

    >>> agrees(1_000_000_000_000, 1_000_000_500_000), agrees(1_000_000_000_000, 1_000_002_000_000)
    (True, False)
    """
    return math.isclose(first, second, rel_tol=AGREEMENT, abs_tol=AGREEMENT / SCORE_UNIT)
