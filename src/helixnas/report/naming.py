"""What predictors and baselines are called, and how a figure with its interval is written."""

from helixnas.artifacts.agreement import Interval
from helixnas.artifacts.ranking import ADDITIVE
from helixnas.report.markup import signed

NAMES = {
    "relative_l1": "relative L1 (Eq. 7)",
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
"""What predictors are called; other kinds of score keep their own name."""


def name_of(predictor: str) -> str:
    """Return what a predictor is called.

    >>> name_of("macs"), name_of("relative_l1 + my_score")
    ('MACs', 'relative L1 (Eq. 7) + my_score')
    """
    return " + ".join(NAMES.get(part, part) for part in predictor.split(" + "))


def figure_text(value: float, interval: Interval) -> str:
    """Return a figure with its interval.

    >>> figure_text(0.5, (0.25, 0.75))
    '0.500 (0.250 to 0.750)'
    """
    return f"{signed(value, 3)} ({signed(interval[0], 3)} to {signed(interval[1], 3)})"
