"""A ranking in words: what beats what, how certain that is, and what limits any predictor; for the page and the terminal."""

from collections.abc import Sequence

from helixnas.artifacts.agreement import Agreement
from helixnas.artifacts.ranking import ADDITIVE, SIZES, Ranking, SubsetRanking
from helixnas.report.elements.wording import estimate_text, interval_text, name_of, signed

TITLES = {"all": "All networks", "top_decile": "Top decile", "no_identity": "No identity", "equal_macs": "Equal MACs"}

FITTED = (
    "The best additive fit is a reference, not a method: it is fitted to the trained accuracies that scores have to predict. It "
    "gives each path of each block a value, such that the sums over blocks are closest to the logarithms of the errors. It is "
    "no strict upper bound, because it fits all networks equally: under a budget, another sum may pick a better network."
)
"""Explains the additive fit."""


NOISE = (
    "Two trainings of the same network differ by chance, which limits every correlation. The mean over trainings varies "
    "less, so a predictor can correlate with it better than one training does with another."
)
"""Explains why no predictor reaches a correlation of 1."""


def verdict(subset: SubsetRanking, score: str, proxy: str = "") -> str:
    """Return sentences: whether a score ranks better than size alone, and adds information to size and the best `proxy`."""
    lead = subset.lead[score]
    best = min(SIZES, key=lambda size: lead[size].value)
    gap, beyond = lead[best], subset.partial[score]
    figures = f"{signed(gap.value, 3)}, 95 % interval {interval_text(gap.interval, 3)}"
    if gap.interval[0] > 0:
        claim = f"the score {name_of(score)} ranks better than any size alone; the best of these is {name_of(best)}"
    elif gap.interval[1] < 0:
        claim = f"{name_of(best)} alone ranks better than {name_of(score)}"
    else:
        claim = f"No significant difference between ranking by {name_of(score)} and by {name_of(best)} alone"
    low, high = beyond.interval
    adds = "; the interval includes 0, so the score may add nothing to size"
    if low > 0:
        adds = ", so the score adds information to size"
    elif high < 0:
        adds = ": among networks of equal size it prefers the worse"
    return (
        f"{claim[0].upper()}{claim[1:]} (Kendall tau of the score minus that of the size: {figures}). With MACs, parameters "
        f"and depth held fixed, the score's Spearman correlation is {estimate_text(beyond)}{adds}."
        f"{_beyond_proxy(subset, score, proxy)}{_given_block_depths(subset, score)}"
    )


def _beyond_proxy(subset: SubsetRanking, score: str, proxy: str) -> str:
    """Return a sentence: what a score adds to all that is known without training; empty without a proxy."""
    found = subset.beyond.get(score)
    if found is None:
        return ""
    low, high = found.interval
    adds = "may add nothing to what is known without training"
    if low > 0:
        adds = "adds information to what is known without training"
    elif high < 0:
        adds = "prefers the worse among networks that look alike without training"
    return f" With {name_of(proxy)} held fixed too, it is {estimate_text(found)}: the score {adds}."


def _given_block_depths(subset: SubsetRanking, score: str) -> str:
    """Return a sentence: the correlation given depth per block too; empty where depth says it all."""
    found = subset.given_block_depths.get(score)
    return "" if found is None else f" Given the depth of every block too, it is {estimate_text(found)}."


def headline_first(subsets: Sequence[SubsetRanking]) -> list[SubsetRanking]:
    """Return the parts of a benchmark in the order of showing: the top decile, from which a search chooses, first."""
    return sorted(subsets, key=lambda each: each.name != "top_decile")


def spent(ranking: Ranking) -> str:
    """Return what the scores cost in a sentence; empty where no stage recorded it."""
    found = {name: stage["core_seconds"] for name, stage in ranking.run.get("stages", {}).items()}
    costs = {name: seconds for name, seconds in found.items() if seconds is not None}
    return f"Core-seconds: {', '.join(f'{name} {seconds:,.0f}' for name, seconds in costs.items())}." if costs else ""


def noise(best_pearson: float) -> str:
    """Return sentences: how far random differences between trainings limit any predictor."""
    return f"{NOISE} {reach(best_pearson)}"


def reach(best_pearson: float) -> str:
    """Return the correlation that random differences between trainings leave to any predictor, in a sentence."""
    return f"A perfect predictor would reach a Pearson correlation of {signed(best_pearson, 3)} (Spearman-Brown)."


BESIDE_SIZE = ("score", "best size", "tau minus that of the size", "Spearman given size")
"""Column titles of `beside_size`; further ones name the proxy and the depth per block where these are held fixed too."""


def beside_size(subset: SubsetRanking, scores: Sequence[str], proxy: str = "") -> tuple[list[str], list[list[str]]]:
    """Return titles and a row per score: its lead over the best size alone, and what it adds to size, proxy and block depths."""
    titles, rows = [*BESIDE_SIZE], list[list[str]]()
    further = [each for each in (subset.beyond, subset.given_block_depths) if each]
    if subset.beyond:
        titles.append(f"Spearman given size and {name_of(proxy)}")
    if subset.given_block_depths:
        known = f"size, {name_of(proxy)} and depth per block" if subset.beyond else "size and depth per block"
        titles.append(f"Spearman given {known}")
    for score in scores:
        lead = subset.lead[score]
        best = min(SIZES, key=lambda size, lead=lead: lead[size].value)
        row = [name_of(score), name_of(best), estimate_text(lead[best]), estimate_text(subset.partial[score])]
        rows.append([*row, *(estimate_text(each[score]) if score in each else "" for each in further)])
    return titles, rows


def ceilings(subset: SubsetRanking) -> dict[str, Agreement]:
    """Return reference rows by name: correlations between trainings, and the best additive fit."""
    found = {f"training {pair.replace('and', 'against')}": each for pair, each in subset.ceiling.items()}
    return found if subset.additive is None else {**found, name_of(ADDITIVE): subset.additive}
