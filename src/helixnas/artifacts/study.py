"""Study: variants of one recipe side by side, each with the rank correlations of its scores and of size alone.

Beside the correlation of a score are those of multiply-adds, parameters and depth on the same networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from helixnas.artifacts.agreement import Agreement, Estimate
from helixnas.artifacts.ranking import SIZES, Ranking
from helixnas.artifacts.record import Record


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Correlations of a score (Kendall tau-b, Spearman rho) and of sizes with measured quality; positive is better."""

    score: str
    kendall: Estimate
    spearman: Estimate
    partial: Estimate
    """Partial Spearman rho given multiply-adds, parameters and depth."""

    sizes: Mapping[str, Estimate]
    """Kendall tau-b of ``macs``, ``params`` and ``depth`` on the same networks."""

    num_networks: int
    """Networks (rows of a benchmark) that were ranked."""

    @staticmethod
    def stitched(summary: Mapping[str, Any], score: str, num_networks: int) -> "Ranked":
        """Return the figures of a run's stitching check (``agreement`` of ``ratings/stitching.json``)."""
        own = summary["score"]
        return Ranked(
            score=score,
            kendall=_estimate(own, "kendall"),
            spearman=_estimate(own, "spearman"),
            partial=_estimate(summary, "partial_spearman"),
            sizes={name: _estimate(summary[name], "kendall") for name in SIZES},
            num_networks=num_networks,
        )

    @staticmethod
    def trained(ranking: Ranking) -> "Ranked":
        """Return the figures of a ranking against all networks of a benchmark."""
        everything, score = ranking.subsets[0], ranking.search_score
        own = everything.agreement[score]
        return Ranked(
            score=score,
            kendall=_tau(own),
            spearman=Estimate(own.spearman, own.spearman_interval),
            partial=everything.partial[score],
            sizes={name: _tau(everything.agreement[name]) for name in SIZES},
            num_networks=everything.num_rows,
        )


@dataclass(frozen=True, kw_only=True)
class Picked:
    """The picks of a variant's search in a benchmark, in accuracies from 0 to 1."""

    accuracy: float
    """Trained accuracy of the pick without a budget."""

    best: float
    regret: float
    """By how much picks fall short of the best, mean over ten budgets."""

    random_regret: float

    @staticmethod
    def of(ranking: Ranking) -> "Picked":
        """Return those of a ranking."""
        last, score = ranking.budgets[-1], ranking.search_score
        return Picked(
            accuracy=last.picks[score].accuracy,
            best=last.best,
            regret=ranking.regret(score),
            random_regret=ranking.regret("random"),
        )


@dataclass(frozen=True, kw_only=True)
class StudyRow:
    """One variant."""

    label: str
    changes: Mapping[str, Any]
    """Its settings, by dotted name."""

    run: str
    """The folder of its run, beside the study's file."""

    seconds: float
    """Wall-clock seconds of its stages, including those reused from other variants."""

    chosen: str
    """The network that its first search chose."""

    stitched: Ranked | None
    """Against the outputs of stitched networks; None where the check was left out or unavailable."""

    trained: Ranked | None
    """Against the trained accuracies of a benchmark; None without one."""

    picked: Picked | None
    """Picks of its search in the benchmark; None without one."""

    teacher_accuracy: float | None = None
    """Accuracy of its teacher on the evaluation images, 0 to 1; None where it was not measured."""

    winner_accuracy: float | None = None
    """Accuracy of the chosen network after the short training that compares generations, 0 to 1; None without one."""


@dataclass(frozen=True, kw_only=True)
class Study(Record):
    """All variants of a study in one file."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas-study", 1)

    name: str
    description: str
    base: str
    """The recipe that the variants are of."""

    axis: str
    """The setting in which the variants differ, in a word or two."""

    ordered: bool
    """Whether the variants are steps of one quantity, in order."""

    benchmark: str
    """Name of the benchmark; empty without one."""

    rows: tuple[StudyRow, ...]


def _estimate(values: Mapping[str, Any], name: str) -> Estimate:
    low, high = values[f"{name}_interval"]
    return Estimate(float(values[name]), (float(low), float(high)))


def _tau(agreement: Agreement) -> Estimate:
    return Estimate(agreement.kendall, agreement.kendall_interval)
