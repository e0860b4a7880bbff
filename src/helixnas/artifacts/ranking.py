"""Ranking: how well the scores of a run, and size alone, predict the trained accuracies of a benchmark."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from helixnas.artifacts.agreement import Agreement, Estimate
from helixnas.artifacts.comparison import Comparison
from helixnas.artifacts.record import Record

CALIBRATED = "calibrated"
"""The score that calibration by short trainings gives every path."""

SIZES = ("macs", "params", "depth")
"""The sizes beside every score: multiply-adds, parameters, layers that are no identity."""

ADDITIVE = "additive"
"""The best additive fit: block values fitted to the accuracies themselves: a reference, neither a prediction nor a bound."""


@dataclass(frozen=True, kw_only=True)
class SubsetRanking:
    """How predictors rank one part of a benchmark."""

    name: str
    """``all``, ``top_decile``, ``no_identity``, ``equal_macs``."""

    meaning: str
    """Which rows it holds, in words."""

    num_rows: int
    num_networks: int
    """Different networks among the rows."""

    agreement: Mapping[str, Agreement]
    """Per predictor, its correlations with the mean accuracy; scores turned so that higher is better."""

    partial: Mapping[str, Estimate]
    """Per score, the partial Spearman correlation given multiply-adds, parameters and depth."""

    beyond: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    """Per score that is no proxy, the partial Spearman correlation given all sizes and the best zero-cost proxy of the run;
    empty where it has none."""

    given_block_depths: Mapping[str, Estimate] = field(default_factory=dict[str, Estimate])
    """Per score that is no proxy, the same with the depth of every block held fixed too (given all sizes alone where there is no
    proxy); empty unless the depths of two or more blocks vary, because depth then says it all."""

    lead: Mapping[str, Mapping[str, Estimate]]
    """Per score and size, the score's Kendall tau minus the size's, paired over resamples."""

    ceiling: Mapping[str, Agreement]
    """One training against another, by ``1 and 2``, ...; empty where trainings are not repeated."""

    best_pearson: float | None
    """Pearson R that a perfect predictor would reach with the mean accuracy; None where trainings are not repeated."""

    additive: Agreement | None = None
    """The best additive fit; None where the benchmark is a sample of the space or that is one block."""


@dataclass(frozen=True, kw_only=True)
class Pick:
    """The choice of a predictor under a budget."""

    accuracy: float
    """Mean accuracy of the pick, 0 .. 1; over all networks tied for first place."""

    architecture: str | None
    """Text form; None if several networks are tied for first place."""


@dataclass(frozen=True, kw_only=True)
class BudgetPicks:
    """One budget and the picks under it."""

    macs: int
    """The upper limit."""

    num_rows: int
    """Rows of the benchmark under it."""

    best: float
    """The highest mean accuracy under it."""

    random: float
    """The mean over all rows under it: what a random pick gives on average."""

    picks: Mapping[str, Pick]
    """By predictor, and ``additive`` where there is a best additive fit; sizes pick the largest."""


@dataclass(frozen=True, kw_only=True)
class Ranking(Record):
    """A run's scores against a benchmark, in one file."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas-ranking", 1)

    run: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Whose ratings: ``recipe``, and ``stages`` with ``key``, ``seconds`` and ``core_seconds`` of those they come from."""

    benchmark: Mapping[str, Any]
    """``name``, ``num_rows``, ``num_networks``, ``num_trainings``, ``facts``."""

    scores: tuple[str, ...]
    """The predictors that are scores, lower is better: every rated kind, and what searches add up beside them."""

    search_score: str
    """The one of them that the search adds up."""

    proxy: str = ""
    """The best zero-cost proxy among the scores, by its tau over all rows; the number of layers, which is a size, does not count.
    Empty if there is none."""

    num_resamples: int
    """Bootstrap resamples of every interval."""

    picked_by: str
    """How networks are picked under budgets, in words."""

    subsets: tuple[SubsetRanking, ...]
    """All rows first."""

    skipped: Mapping[str, str] = field(default_factory=dict[str, str])
    """Subsets that were left out, and why."""

    budgets: tuple[BudgetPicks, ...]
    """In ascending order; the last leaves all networks."""

    networks: Mapping[str, tuple[Any, ...]]
    """Per row of the benchmark: ``architecture``, ``accuracy`` (mean, 0 .. 1), and every predictor as it was computed."""

    baselines: tuple[Comparison, ...] = ()
    """Other methods beside the run, on the networks that they rated."""

    @property
    def predictors(self) -> tuple[str, ...]:
        """Scores, then sizes."""
        return (*self.scores, *SIZES)

    @property
    def pickers(self) -> tuple[str, ...]:
        """Everything that picks under budgets: predictors, the best additive fit where there is one, ``random``."""
        has_fit = all(ADDITIVE in each.picks for each in self.budgets)
        return (*self.predictors, *((ADDITIVE,) if has_fit else ()), "random")

    def regrets(self, picker: str) -> tuple[float, ...]:
        """Return by how much accuracy the picks fall short of the best, per budget."""
        return tuple(
            each.best - (each.random if picker == "random" else each.picks[picker].accuracy) for each in self.budgets
        )

    def regret(self, picker: str) -> float:
        """Return by how much accuracy the picks fall short of the best, on average over budgets."""
        regrets = self.regrets(picker)
        return sum(regrets) / len(regrets)
