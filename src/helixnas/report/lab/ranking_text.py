"""A ranking in words: what beats what, how certain that is, and what limits any predictor; for the page and the terminal."""

from helixnas.artifacts.agreement import Agreement
from helixnas.artifacts.ranking import ADDITIVE, SIZES, SubsetRanking
from helixnas.report.elements.naming import name_of
from helixnas.report.elements.wording import estimate_text, interval_text, signed

TITLES = {"all": "All networks", "top_decile": "Top decile", "no_identity": "No identity"}

FITTED = (
    "The best additive fit gives every path of a block the value that, added up over blocks, comes nearest to the logarithm "
    "of the benchmark's own mean error. It has seen what the scores are to predict, so it is no method, and no bound either: it "
    "fits all networks, so another sum may pick better under a budget."
)


def verdict(subset: SubsetRanking, score: str) -> str:
    """Return in words whether a score ranks better than size alone does, and what it knows beyond size."""
    lead = subset.lead[score]
    best = min(SIZES, key=lambda size: lead[size].value)
    gap, beyond = lead[best], subset.partial[score]
    figures = f"{signed(gap.value, 3)}, 95 % interval {interval_text(gap.interval, 3)}"
    if gap.interval[0] > 0:
        told = f"Ranking by {name_of(score)} is better than by any size alone; the closest is {name_of(best)}"
    elif gap.interval[1] < 0:
        told = f"Ranking by {name_of(best)} alone is better than by {name_of(score)}"
    else:
        told = f"Ranking by {name_of(score)} and by {name_of(best)} alone are not told apart"
    low, high = beyond.interval
    if low <= 0 <= high:
        knows = "; the interval includes 0, so it may know nothing beyond size"
    else:
        knows = ": what it knows beyond size" if low > 0 else ": among networks of equal size it prefers the worse"
    return (
        f"{told} (lead of the score in tau {figures}). With MACs, parameters and depth held fixed, its Spearman correlation "
        f"is {estimate_text(beyond)}{knows}."
    )


def noise(best_pearson: float) -> str:
    """Return in words how much the noise of training leaves to predict."""
    return (
        "One training against another is the noise of both; the mean over trainings is steadier, so a predictor may "
        "correlate with it better than that. A perfect one would reach a Pearson correlation of "
        f"{signed(best_pearson, 3)} (Spearman-Brown)."
    )


def ceilings(subset: SubsetRanking) -> dict[str, Agreement]:
    """Return references for the predictors by the name of their row: other trainings, and the best additive fit."""
    found = {f"training {pair.replace('and', 'against')}": each for pair, each in subset.ceiling.items()}
    return found if subset.additive is None else {**found, name_of(ADDITIVE): subset.additive}
