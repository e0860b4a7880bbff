"""The names of predictors and baselines, as pages and terminal tables show them."""

from helixnas.artifacts.ranking import ADDITIVE

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
"""Display names; a kind of score that is not listed keeps its own name."""


def name_of(predictor: str) -> str:
    """Return the display name of a predictor, or of a sum of predictors.

    >>> name_of("macs"), name_of("relative_l1 + my_score")
    ('MACs', 'relative L1 (Eq. 7) + my_score')
    """
    return " + ".join(NAMES.get(part, part) for part in predictor.split(" + "))
