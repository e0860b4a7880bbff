"""Comparison: a run and its baselines on exactly the same networks, each with what it cost."""

from dataclasses import dataclass
from typing import Literal

from helixnas.artifacts.agreement import Agreement, Estimate


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One way to rank the networks."""

    name: str
    """A method (``spos``), or a predictor of the run: a kind of score, a sum of them, or a size."""

    kind: Literal["baseline", "score", "size"]
    """A baseline at one point of its training, a score of the run, or size alone."""

    agreement: Agreement
    """Correlations with the mean accuracy, turned so that positive is good."""

    partial: Estimate
    """Partial Spearman correlation given multiply-adds, parameters and depth; 0 for each of these."""

    beyond: Estimate | None = None
    """The same given the comparison's untrained proxy too; None for sizes and proxies, or where there is no proxy."""

    seed: int | None = None
    epoch: float | None = None
    """Of a baseline: epochs trained."""

    images_seen: int | None = None
    """Training images shown, repeats counted, the teacher's included; None where that is not recorded."""

    core_seconds: float | None = None
    """Processor time of training (the teacher's included) and of one rating; None where that is not recorded."""

    device: str | None = None
    """Of a baseline: the device; on an accelerator, processor time is only a small part of the cost."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All predictors on the same networks."""

    networks: tuple[str, ...]
    """Different networks of the benchmark, in text form."""

    rows: tuple[Compared, ...]
    """Baselines in the order of their points, then the run's scores, then sizes."""

    proxy: str = ""
    """The zero-cost proxy, of a baseline or the run, that ranks these networks best; empty if there is none."""

    def curves(self) -> dict[str, tuple[Compared, ...]]:
        """Return the points of every baseline, by what it is called: the method, and the seed where there are several."""
        methods = {(row.name, row.seed) for row in self.rows if row.kind == "baseline"}
        curves: dict[str, tuple[Compared, ...]] = {}
        for name, seed in sorted(methods, key=str):
            several = sum(other == name for other, _ in methods) > 1
            own = tuple(row for row in self.rows if (row.kind, row.name, row.seed) == ("baseline", name, seed))
            curves[f"{name} seed {seed}" if several else name] = own
        return curves
