"""How numbers, intervals, lists and names of predictors are written in sentences and tables."""

from collections.abc import Sequence

from helixnas.artifacts.agreement import Agreement, Estimate, Interval
from helixnas.artifacts.ranking import ADDITIVE

NAMES = {
    "relative_l1": "relative L1 (Eq. 7)",
    "embedding_distance": "embedding distance (DNA++)",
    "naswot": "NASWOT (untrained)",
    "synflow": "SynFlow (untrained)",
    "zico": "ZiCo (untrained)",
    "gradnorm": "gradient norm (untrained)",
    "snip": "SNIP (untrained)",
    "num_layers": "number of layers (untrained)",
    "macs": "MACs",
    "params": "parameters",
    "depth": "depth (layers)",
    ADDITIVE: "best additive fit",
    "random": "random picks",
    "spos": "SPOS",
    "fairnas": "FairNAS",
    "darts": "DARTS",
    "mnasnet": "short trainings (MnasNet)",
}
"""Display names; a kind of score that is not listed keeps its own name."""


def signed(value: float, digits: int = 2) -> str:
    """Return a number with a true minus sign, and none before zero.

    >>> signed(-0.25), signed(-0.0001), signed(0.125, 3)
    ('\u22120.25', '0.00', '0.125')
    """
    rounded = f"{value:.{digits}f}"
    return rounded.removeprefix("-") if float(rounded) == 0 else rounded.replace("-", "\u2212")


def figure_text(value: float, interval: Interval) -> str:
    """Return a number with its interval, both with three decimals.

    >>> figure_text(0.5, (0.25, 0.75))
    '0.500 (0.250 to 0.750)'
    """
    return f"{signed(value, 3)} ({interval_text(interval, 3)})"


def estimate_text(estimate: Estimate) -> str:
    """Return an estimate with its interval, both with three decimals."""
    return figure_text(estimate.value, estimate.interval)


def correlations(found: Agreement) -> list[str]:
    """Return Kendall's, Spearman's and Pearson's correlation, each with its interval."""
    return [
        figure_text(getattr(found, kind), getattr(found, f"{kind}_interval"))
        for kind in ("kendall", "spearman", "pearson")
    ]


def interval_text(interval: Sequence[float], digits: int = 2) -> str:
    """Return both ends of an interval.

    >>> interval_text((-0.25, 0.5))
    '\u22120.25 to 0.50'
    """
    low, high = interval
    return f"{signed(low, digits)} to {signed(high, digits)}"


def count(value: int | float) -> str:
    """Return a large number with three significant figures and k, M or G.

    >>> count(7_257_760), count(950), count(1_234)
    ('7.26 M', '950', '1.23 k')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value / size < 999.5 else f"{value / size:,.0f} {unit}"
    return f"{value:,.0f}"


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def name_of(predictor: str) -> str:
    """Return the display name of a predictor, or of a sum of predictors.

    >>> name_of("macs"), name_of("relative_l1 + my_score")
    ('MACs', 'relative L1 (Eq. 7) + my_score')
    """
    return " + ".join(NAMES.get(part, part) for part in predictor.split(" + "))
