"""verify: an independent check of a certificate, from the instance and the certificate alone.

It shares no code with the solver, by an import contract. It adds up score and costs of the architecture in Python's
integers, compares them with the limits, and lets HiGHS (`milp`) find the optimum or prove that there is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from helixnas.errors import ConfigError
from helixnas.search.check.certificate import Certificate, hash_instance
from helixnas.search.check.highs import solve_within
from helixnas.search.check.milp import MilpAnswer, score_spread, total
from helixnas.search.instance import SCORE_UNIT, Instance

AGREEMENT = 1e-6
"""Largest difference between a score and HiGHS's bound that counts as equal, relative to the spread of scores."""

NOT_VERIFIED = "counts of pruning, the number of answers, reasons, and the choice among equal scores"
"""Parts of a certificate that are not checked."""

Verdict = Literal["confirmed", "not confirmed", "refuted"]
"""Result of HiGHS for a claim; not confirmed: its time limit or its tolerances do not allow a decision."""


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The outcome, with score (in units of 1e-12) and seconds of HiGHS; see `holds`."""

    problems: tuple[str, ...]
    """One sentence each: another instance, a wrong score or cost, a violated limit."""

    claim: str
    """The claim that HiGHS checked: ``optimum``, ``bound`` (of an answer that is not proven) or ``infeasible``."""

    verdict: Verdict

    highs_score: int | None
    seconds: float

    not_verified: str = NOT_VERIFIED
    """Parts that nothing checked, as a list in words."""

    @property
    def holds(self) -> bool:
        """Whether no check contradicts the certificate: there is no problem, and the verdict is not ``refuted``."""
        return not self.problems and self.verdict != "refuted"

    @property
    def sentence(self) -> str:
        """The outcome in words, with what was not verified."""
        found = "; ".join(self.problems) or "what the certificate says agrees with the tables"
        best = "" if self.highs_score is None else f", best score {self.highs_score * SCORE_UNIT:.6f}"
        return f"{found}; {self.claim}: {self.verdict} by HiGHS ({self.seconds:.1f} s{best}); not verified: {self.not_verified}"


def verify(instance: Instance, certificate: Certificate, *, time_limit_s: float = 60.0) -> Verification:
    """Check the claims of a certificate about an instance, built anew from the tables; HiGHS is killed after its time.

    Raises `ConfigError` if the certificate's architecture is not one of the instance.

    >>> import numpy as np
    >>> from helixnas.search import Budget, InstanceBlock, certify, solve
    >>> width, order = np.full(2, 8), np.arange(2)
    >>> scores, costs = np.array([9, 4]), np.array([[1], [3]])
    >>> block = InstanceBlock(width_in=width, width_out=width, score=scores, costs=costs, order=order)
    >>> instance = Instance(blocks=(block, block), resources=("macs",))
    >>> certificate = certify(solve(instance, Budget(upper={"macs": 5})))
    >>> checked = verify(instance, certificate)
    >>> checked.holds, checked.claim, checked.verdict
    (True, 'optimum', 'confirmed')
    """
    problems: list[str] = []
    if certificate.instance_hash != hash_instance(instance):
        problems.append("the certificate is of other scores or costs")
    if certificate.space_size != instance.size:
        problems.append(f"the space holds {instance.size:,} architectures, not {certificate.space_size:,}")
    if certificate.status != "infeasible":
        problems += _problems_of_answer(instance, certificate)
    elif certificate.architecture or certificate.costs or certificate.score is not None:
        problems.append("it claims that there is no answer, and holds one")
    elif certificate.bound is not None or certificate.gap is not None:
        problems.append("it claims that there is no answer, and holds a bound or gap of one")
    highs = solve_within(instance, certificate.budget, time_limit_s=time_limit_s, presolve=False)
    claim, verdict = _judge(certificate, highs, score_spread(instance))
    return Verification(
        problems=tuple(problems), claim=claim, verdict=verdict, highs_score=highs.score, seconds=highs.seconds
    )


def agrees(first: int | float, second: int | float, spread: int) -> bool:
    """Return whether two scores in units of 1e-12 agree to 1e-6 of the spread of scores (`score_spread`).

    >>> agrees(5_000_000, 5_000_001, spread=1_000_000), agrees(5_000_000, 5_000_002, spread=1_000_000)
    (True, False)
    """
    return abs(first - second) <= _tolerance(spread)


def _tolerance(spread: int) -> float:
    return max(0.5, AGREEMENT * spread)


def _problems_of_answer(instance: Instance, certificate: Certificate) -> list[str]:
    score, costs = total(instance, _locate(instance, certificate.architecture))
    problems = [f"the score is {score:,}, not {_amount(certificate.score)}"] if score != certificate.score else []
    for name in {**costs, **certificate.costs}:
        if certificate.costs.get(name) != costs.get(name):
            problems.append(f"{name} is {_amount(costs.get(name))}, not {_amount(certificate.costs.get(name))}")
    problems += [f"{name} is {costs[name]:,}, above {n:,}" for name, n in certificate.upper.items() if costs[name] > n]
    problems += [f"{name} is {costs[name]:,}, below {n:,}" for name, n in certificate.lower.items() if costs[name] < n]
    if certificate.bound is None or certificate.bound > score:
        problems.append(f"the bound is {certificate.bound}, above the score")
    elif certificate.status == "optimal" and certificate.bound < score:
        problems.append(f"the bound is {certificate.bound:,}, below the score, so the answer is not proven")
    elif certificate.gap != (gap := (score - certificate.bound) / max(1, abs(score))):
        problems.append(f"the gap is {gap}, not {certificate.gap}")
    return problems


def _amount(number: int | None) -> str:
    return "missing" if number is None else f"{number:,}"


def _judge(certificate: Certificate, highs: MilpAnswer, spread: int) -> tuple[str, Verdict]:
    """Return the claim and HiGHS's verdict on it."""
    if certificate.status == "infeasible" or certificate.score is None:
        met = highs.score is not None  # it was held against the limits in integers
        return "infeasible", "refuted" if met else _confirmed(highs.status == "infeasible")
    lowest = certificate.score if certificate.status == "optimal" else (certificate.bound or 0)
    claim = "optimum" if certificate.status == "optimal" else "bound"
    if highs.score is not None and highs.score < lowest:  # both are exact
        return claim, "refuted"
    proven = highs.bound is not None and highs.bound >= lowest - _tolerance(spread)
    if claim == "optimum":
        proven = proven and highs.score is not None and agrees(certificate.score, highs.score, spread)
    return claim, _confirmed(proven)


def _confirmed(whether: bool) -> Verdict:
    return "confirmed" if whether else "not confirmed"


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
            receive = "" if width is None else f" that receive {width} channels"
            raise ConfigError(f"block {number} has {len(matching)} candidates {part!r}{receive}")
        rows.append(matching[0])
        width = int(block.width_out[matching[0]])
    return tuple(rows)
