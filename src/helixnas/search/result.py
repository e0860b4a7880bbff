"""SearchResult: the answers with their bound, or the reason why there is none."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from helixnas.errors import ConfigError, InfeasibleBudgetError
from helixnas.search.amounts import readable
from helixnas.search.budget import Budget
from helixnas.search.instance import SCORE_UNIT, Instance, Ints

if TYPE_CHECKING:
    import pandas as pd

Status = Literal["optimal", "feasible", "infeasible"]
"""Proven best; inside the limits but not proven best; proven that there is none."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """One architecture: per block the row and text (label) of its candidate. Answers compare by the order of ties.

    >>> Answer(score=3, costs={"macs": 7}, order=(0, 1), rows=(0, 1), labels=("a", "b")).text
    'a b'
    """

    score: int
    """Sum of the local scores in units of 1e-12, lower is better."""

    costs: Mapping[str, int]
    """Every resource of the instance, in its order."""

    order: tuple[int, ...]
    """Per block, the rank of the candidate's text."""

    rows: tuple[int, ...]
    labels: tuple[str, ...] | None = None

    @property
    def text(self) -> str:
        """The texts of the candidates that have one, joined by spaces, or the row numbers if there are no texts."""
        return " ".join(map(str, self.rows) if self.labels is None else filter(None, self.labels))

    @property
    def key(self) -> tuple[int, tuple[int, ...], tuple[int, ...]]:
        """The total order of answers: score, then resources as given, then texts."""
        return self.score, tuple(self.costs.values()), self.order

    def __lt__(self, other: "Answer") -> bool:
        return self.key < other.key

    def __hash__(self) -> int:
        return hash(self.rows)


@dataclass(frozen=True, kw_only=True, eq=False)
class ParetoFront:
    """The complete Pareto front of score against some resources, sorted by score.

    Of answers with equal score and resources, it holds the first in the order of ties.
    """

    instance: Instance
    resources: tuple[str, ...]
    rows: Ints
    """(answers, blocks) row per block."""

    score: Ints
    """(answers,) in units of 1e-12."""

    costs: Ints
    """(answers, all resources of the instance)."""

    steps: Mapping[str, int] = field(default_factory=dict[str, int])
    """Per resource, the step to whose multiples costs were rounded up; empty for an exact front."""

    def __len__(self) -> int:
        return len(self.score)

    def __getitem__(self, index: int) -> Answer:
        return answer_of(self.instance, self.rows[index])

    def __iter__(self) -> Iterator[Answer]:
        return (self[index] for index in range(len(self)))

    def to_pandas(self) -> "pd.DataFrame":
        """Return one row per answer: score as a float, every resource, and the architecture."""
        return _to_pandas(self.instance, list(self))


@dataclass(frozen=True, kw_only=True)
class Infeasibility:
    """Why no architecture meets the limits; `smallest` and `largest` are the amounts that any architecture has."""

    smallest: Mapping[str, int]
    largest: Mapping[str, int]
    conflict: Budget
    """A smallest set of limits that cannot be met together."""

    factor: Fraction | None
    """The smallest factor by which all upper limits must grow; None if larger limits do not help."""

    needed: Mapping[str, int]
    """The upper limits times the factor, rounded down; these can be met."""

    exact: bool = True
    """Whether the conflict is proven smallest and the factor proven least; the proof may take too long."""

    def sentence(self, budget: Budget) -> str:
        """Return the reason as one sentence."""
        if not self.smallest:
            return "no architecture at all: no chain of widths leads from the first block to the last"
        limited = [name for name in budget.names if name in self.smallest]
        reach = ", ".join(self._reach(name) for name in limited)
        text = f"no architecture has {budget.text}; the space reaches {reach}"
        if len(self.conflict.upper) + len(self.conflict.lower) < len(budget.upper) + len(budget.lower):
            text += f"; {self.conflict.text} is already too much to ask"
        elif len(limited) > 1 and self.exact:
            text += "; each limit could be met without the others"
        if self.factor is None and self.exact:
            return text + "; larger upper limits alone do not help" if budget.upper else text
        if self.factor is None:
            return text
        needed = ", ".join(" <= ".join(readable(name, value)) for name, value in self.needed.items())
        if not self.exact:
            return text + f"; it is enough that the upper limits grow by a factor of {_up(self.factor)}, to {needed}"
        return text + f"; the upper limits must grow by a factor of at least {_up(self.factor)}, to {needed}"

    def _reach(self, name: str) -> str:
        shown, least = readable(name, self.smallest[name])
        return f"{shown} from {least} to {readable(name, self.largest[name])[1]}"


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """How many candidates a search removed, by reason, and how many partial architectures it visited."""

    unconnected: int
    """Candidates whose widths fit no neighbour."""

    over_limit: int
    """Candidates that break a limit with every completion."""

    above_ceiling: int
    """Candidates excluded by the Lagrangian bound."""

    dominated: int
    """Candidates and partial architectures removed because others are at least as good."""

    num_partials: int
    """Partial architectures visited."""

    num_levels: int
    """Number of ceilings tried."""


@dataclass(frozen=True, kw_only=True, eq=False)
class SearchResult:
    """The outcome of `solve`; reason and front are computed on first access."""

    instance: Instance
    budget: Budget
    status: Status
    answers: tuple[Answer, ...]
    """Best first, in the order of ties; at most `num_best`."""

    bound: int | None
    """Lower bound on the score inside the limits, in units of 1e-12."""

    seconds: float
    pruning: Pruning
    exhausted: bool
    """Whether the answers are all there are."""

    find_reason: Callable[[], Infeasibility]
    find_front: Callable[[], ParetoFront]

    def best(self) -> Answer:
        """Return the best architecture; raises `InfeasibleBudgetError` with the reason if there is none."""
        return self.top(1)[0]

    def top(self, k: int) -> tuple[Answer, ...]:
        """Return the `k` best, or all if there are fewer.

        Raises:
            InfeasibleBudgetError: no architecture meets the limits; the message says why.
            ConfigError: `k` is larger than the search's `num_best`.
        """
        if self.infeasibility is not None:
            raise InfeasibleBudgetError(self.infeasibility.sentence(self.budget))
        if k < 1:
            raise ConfigError(f"the number of answers must be at least 1, not {k}")
        if k > len(self.answers) and not self.exhausted:
            raise ConfigError(f"this search kept {len(self.answers)} answers; call solve with num_best={k}")
        return self.answers[:k]

    @cached_property
    def infeasibility(self) -> Infeasibility | None:
        """Why there is no answer; None if there is one."""
        return self.find_reason() if self.status == "infeasible" else None

    @cached_property
    def front(self) -> ParetoFront:
        """The complete front of score against `front_over`, inside the limits."""
        return self.find_front()

    @property
    def gap(self) -> float | None:
        """Relative gap between the best score and the bound; 0 if proven, None without answers."""
        if not self.answers or self.bound is None:
            return None
        score = self.answers[0].score
        return (score - min(self.bound, score)) / max(1, abs(score))

    def to_pandas(self) -> "pd.DataFrame":
        """Return one row per answer: score as a float, every resource, and the architecture."""
        return _to_pandas(self.instance, list(self.answers))


def answer_of(instance: Instance, rows: Ints) -> Answer:
    """Return the answer that takes the given row in every block."""
    chosen = [(block, int(row)) for block, row in zip(instance.blocks, rows, strict=True)]
    costs: dict[str, int] = {}
    for column, (name, how) in enumerate(zip(instance.resources, instance.combine, strict=True)):
        parts = [int(block.costs[row, column]) for block, row in chosen]
        costs[name] = sum(parts) if how == "sum" else max(parts)
    labels = tuple(block.labels[row] for block, row in chosen if block.labels is not None)
    return Answer(
        score=sum(int(block.score[row]) for block, row in chosen),
        costs=costs,
        order=tuple(int(block.order[row]) for block, row in chosen),
        rows=tuple(row for _, row in chosen),
        labels=labels if len(labels) == len(chosen) else None,
    )


def _to_pandas(instance: Instance, answers: list[Answer]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        {
            "score": np.array([answer.score for answer in answers], dtype=np.int64) * SCORE_UNIT,
            **{name: np.array([answer.costs[name] for answer in answers], np.int64) for name in instance.resources},
            "architecture": [answer.text for answer in answers],
        }
    )


def _up(factor: Fraction) -> str:
    """Write a factor with four decimals, rounded up so that it suffices."""
    scaled = -(-factor.numerator * 10_000 // factor.denominator)
    return f"{scaled / 10_000:.4f}"
