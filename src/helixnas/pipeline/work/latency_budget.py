"""A latency budget applies to the whole network: the winner is measured, and the search repeated if it is too slow.

Predicted latency is a sum of parts measured alone, so a winner just within the budget may exceed it. Then the limit is
lowered by the overshoot and the search repeated, a few times at most.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol, TypeVar, runtime_checkable

from helixnas.artifacts.files import damaged, read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import InfeasibleBudgetError
from helixnas.space import Architecture

MAX_SEARCHES_AGAIN = 5
Meter = Callable[[Architecture], int]
"""Measures a whole network: median nanoseconds."""


@runtime_checkable
class Winner(Protocol):
    """Result of a search under a latency limit."""

    @property
    def architecture(self) -> Architecture:
        """The winner."""
        ...

    @property
    def predicted_ns(self) -> int:
        """Its latency as the sum of its parts."""
        ...


WinnerT = TypeVar("WinnerT", bound=Winner)


@dataclass(frozen=True, kw_only=True)
class LatencyRound:
    """One search of a latency budget: its limit, and the winner's latency."""

    limit_ns: int
    predicted_ns: int
    measured_ns: int


@dataclass(frozen=True, kw_only=True)
class LatencyCheck:
    """Searches and measurements under a latency budget."""

    asked_ns: int
    """The user's limit."""

    runtime: str
    rounds: tuple[LatencyRound, ...]
    """The searches in order; empty if the device is not this one."""

    chosen: int = 0
    """Round whose winner is the answer."""

    is_exhausted: bool = False
    """Whether no network was predicted to meet a tightened limit."""

    @property
    def is_met(self) -> bool | None:
        """Whether the answer was measured within the budget; None if it was not measured."""
        return self.rounds[self.chosen].measured_ns <= self.asked_ns if self.rounds else None

    @property
    def text(self) -> str:
        """The outcome in a sentence."""
        if not self.rounds:
            return (
                f"latency is predicted from {self.runtime}; the winner was not measured, because its device is not here"
            )
        last, times = self.rounds[self.chosen], len(self.rounds) - 1
        again = f" after searching again {times} time{'s' if times != 1 else ''} under tighter limits" if times else ""
        found = (
            f"the winner takes {_ms(last.measured_ns)} measured with {self.runtime}, {_ms(last.predicted_ns)} predicted; "
            f"the budget of {_ms(self.asked_ns)} is "
        )
        if self.is_met:
            return f"{found}met{again}"
        why = "no network is predicted to be faster still" if self.is_exhausted else "the fastest winner is kept"
        return f"{found}NOT met{again}; {why}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {**asdict(self), "is_met": self.is_met, "text": self.text}


def keep_budget(
    asked_ns: int, search: Callable[[int], WinnerT], meter: Meter | None, *, runtime: str
) -> tuple[WinnerT, LatencyCheck]:
    """Search under a latency limit until the winner is measured within it, at most five times more.

    The limit of each further search is the prediction of the last winner minus its overshoot, so it finds another
    winner. If no winner is within the budget, return the fastest. Without a meter (the device is not this one) nothing
    is measured. Raises `InfeasibleBudgetError` if no network is predicted to meet the budget itself.
    """
    winners, rounds, limit, is_exhausted = [search(asked_ns)], list[LatencyRound](), asked_ns, False
    if meter is None:
        return winners[0], LatencyCheck(asked_ns=asked_ns, runtime=runtime, rounds=())
    while True:
        winner = winners[-1]
        taken = meter(winner.architecture)
        rounds.append(LatencyRound(limit_ns=limit, predicted_ns=winner.predicted_ns, measured_ns=taken))
        if taken <= asked_ns or len(rounds) > MAX_SEARCHES_AGAIN:
            break
        limit = min(limit, winner.predicted_ns) - (taken - asked_ns)
        try:
            winners.append(search(max(0, limit)))
        except InfeasibleBudgetError:
            is_exhausted = True
            break
    last = len(rounds) - 1
    chosen = last if taken <= asked_ns else min(range(last + 1), key=lambda number: rounds[number].measured_ns)
    check = LatencyCheck(
        asked_ns=asked_ns, runtime=runtime, rounds=tuple(rounds), chosen=chosen, is_exhausted=is_exhausted
    )
    return winners[chosen], check


def meter_of(folder: RunFolder) -> tuple[str, Meter | None]:
    """Return the runtime of a run's latencies and a meter with the same conditions, which loads torch on first use.

    Raises `ArtifactError` if the report of the latency stage is missing or damaged.
    """
    values = read_json(folder.latency_report)
    try:
        runtime = str(values["runtime"])
        return runtime, _meter(values) if values["measured_here"] else None
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise damaged(folder.latency_report, error) from error


def _meter(conditions: Mapping[str, Any]) -> Meter:
    def measure(architecture: Architecture) -> int:
        from helixnas.costs import CostsConfig, Input, measure_network

        given = Input(**{name: int(conditions[name]) for name in ("image_size", "num_classes", "in_chans")})
        batch_size, threads, rounds = (int(conditions[name]) for name in ("batch_size", "num_threads", "num_rounds"))
        config = CostsConfig(
            latency=conditions["runtime"], batch_size=batch_size, num_threads=threads, num_rounds=rounds
        )
        return measure_network(architecture, given, config)

    return measure


def _ms(nanoseconds: int) -> str:
    return f"{nanoseconds / 1e6:.4g} ms"
