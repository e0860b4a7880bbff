"""The run against its baselines as text: rows of a table and sentences, for the page and the terminal."""

from helixnas.artifacts.comparison import Compared, Comparison
from helixnas.report.elements.wording import correlations, estimate_text, listed, name_of

CORRELATIONS = ("Kendall tau-b", "Spearman", "Pearson", "Spearman given size")
COLUMNS = ("what ranks", "epochs", "images seen", "core-seconds", *CORRELATIONS)
"""Column titles of the page's table."""

COST = (
    "Images seen: training images, counted in every epoch. Core-seconds: CPU time of training and of rating the networks once. "
    "For the run, both include the training of its teacher."
)
"""Explains the columns of cost."""


def cells_of(row: Compared) -> list[str]:
    """Return a row of the table as texts, in the order of `COLUMNS`."""
    seed = "" if row.seed is None else f", seed {row.seed}"
    return [
        f"{name_of(row.name)}{seed}",
        "" if row.epoch is None else f"{row.epoch:.3g}",
        _count(row.images_seen),
        _count(row.core_seconds),
        *correlations(row.agreement),
        "" if row.kind == "size" else estimate_text(row.partial),
    ]


def title_of(comparison: Comparison) -> str:
    """Return the title of a comparison."""
    return f"Baselines on {len(comparison.networks):,} networks"


def beyond_proxy(comparison: Comparison) -> str:
    """Return a sentence: what scores and trained baselines add to size and the best untrained proxy; empty without one."""
    last = {(row.name, row.seed): row for row in comparison.rows if row.beyond is not None}
    found = [f"{cells_of(row)[0]} {estimate_text(row.beyond)}" for row in last.values() if row.beyond is not None]
    given = f"MACs, parameters, depth and {name_of(comparison.proxy)}"
    return f"Spearman's rho with {given} held fixed: {listed(found)}." if found else ""


def accelerators(comparison: Comparison) -> str:
    """Return a warning where an accelerator did part of the work; empty where the processor did all of it."""
    devices = sorted({row.device for row in comparison.rows if row.device not in (None, "cpu")}, key=str)
    return f"Core-seconds do not include the time of {' and '.join(map(str, devices))}." if devices else ""


def _count(value: int | float | None) -> str:
    return "not recorded" if value is None else f"{value:,.0f}"
