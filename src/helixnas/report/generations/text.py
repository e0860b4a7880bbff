"""Generations as text: rows of tables and sentences, for the page and the terminal."""

from collections.abc import Sequence

from helixnas.artifacts.lineage import Generation, Lineage, Quality
from helixnas.artifacts.ranking import SIZES
from helixnas.artifacts.study import Ranked
from helixnas.engine.timing import duration
from helixnas.report.elements.wording import count, estimate_text, interval_text, listed, name_of, signed
from helixnas.space import Architecture

TITLES = {
    "benchmark": "winner in the benchmark",
    "retrained": "winner after a short training",
    "stitching": "tau with stitched networks",
}
"""Names of the checks that compare generations."""

HEAD = (
    "generation",
    "teacher",
    "its parameters",
    "its MACs",
    "its accuracy",
    "winner's parameters",
    "winner's MACs",
    "check",
    "tau with the one before",
    "core-seconds",
)
"""Column titles of the table of generations."""


SHORT = {"no.": 0, "teacher": 4, "winner": 5, "its MACs": 6, "check": 7, "tau": 8, "core-s": 9}
"""Columns that a terminal has room for, by a short title, and their place in `HEAD`."""


def rows(lineage: Lineage) -> list[list[str]]:
    """Return the table of generations: teacher, winner, check, agreement with the generation before, cost."""
    return [_row(one) for one in lineage.generations]


def quality_text(quality: Quality | None) -> str:
    """Return the figure of the check with its interval.

    >>> quality_text(Quality(check="retrained", value=0.5, interval=(0.25, 0.75)))
    '50.00 % (25.00 to 75.00)'
    """
    if quality is None:
        return "\u2013"
    interval = quality.interval
    if quality.check == "stitching":
        return signed(quality.value, 3) + (f" ({interval_text(interval, 3)})" if interval else "")
    shown = f"{100 * quality.value:.2f} %"
    return shown + (f" ({interval_text([100 * end for end in interval])})" if interval else "")


def verdicts(lineage: Lineage) -> list[str]:
    """Return in words which generation is kept, why no other follows, and which ones were worse than those before."""
    if not lineage.generations:
        return ["No generation is finished yet."]
    best = lineage.best
    found = [f"Generation {best.number} of {len(lineage.generations)} is kept: {best.winner}."]
    checked = {one.quality.check for one in lineage.generations if one.quality is not None}
    found += [f"Check that compares them: {listed([TITLES[each] for each in sorted(checked)])}."] if checked else []
    compared = [against(one, lineage.before(one.number)) for one in lineage.generations]
    found += [f"{text[0].upper()}{text[1:]}." for text in compared if text]
    found += [f"Generation {one.number}: {one.note}." for one in lineage.generations if one.note]
    return [*found, f"{lineage.reason[0].upper()}{lineage.reason[1:]}." if lineage.reason else "More may follow."]


def against(one: Generation, earlier: Sequence[Generation]) -> str:
    """Return how a generation compares with the best before it, by the check; empty where there is nothing to compare."""
    rated = [(each.quality.value, -each.number, each) for each in earlier if each.quality is not None]
    if one.quality is None or not rated:
        return ""
    old, _, best = max(rated)
    new = one.quality.value
    word = "better than" if new > old else "worse than" if new < old else "no better than"
    figures = f"{quality_text(one.quality)} against {quality_text(best.quality)}"
    chance = ", which may be chance" if new != old and _overlap(one.quality, best.quality) else ""
    return f"generation {one.number} is {word} generation {best.number}: {figures}{chance}"


def ranked_rows(lineage: Lineage) -> list[list[str]]:
    """Return the correlations of every generation's scores beside those of size alone."""
    found: list[list[str]] = []
    for one in lineage.generations:
        for name, ranked in (("trained accuracy", one.trained), ("stitched outputs", one.stitched)):
            if ranked is not None:
                found.append([str(one.number), name, f"{ranked.num_networks:,}", *_estimates(ranked)])
    return found


def ranked_head() -> list[str]:
    """Return the column titles of `ranked_rows`."""
    return [
        "generation",
        "against",
        "networks",
        "Kendall tau-b",
        "partial Spearman",
        *(f"tau of {name_of(size)}" for size in SIZES),
    ]


def changes(before: Architecture, after: Architecture) -> list[str]:
    """Return the blocks in which two winners of one space differ, in words; empty if they are the same.

    >>> from helixnas.space import from_code
    >>> changes(from_code("11111111"), from_code("11111111"))
    []
    """
    pairs = zip(before.paths, after.paths, strict=True)
    return [f"block {k}: {old.text} became {new.text}" for k, (old, new) in enumerate(pairs, start=1) if old != new]


def cost_text(lineage: Lineage) -> str:
    """Return what all generations cost together."""
    cores = [one.core_seconds for one in lineage.generations]
    known = [seconds for seconds in cores if seconds is not None]
    total = duration(sum(one.seconds for one in lineage.generations))
    return f"{total} in all" + (f", {sum(known):,.0f} core-seconds" if len(known) == len(cores) else "")


def _row(one: Generation) -> list[str]:
    accuracy = "\u2013" if one.teacher_accuracy is None else f"{100 * one.teacher_accuracy:.2f} %"
    return [
        str(one.number),
        one.teacher if one.number == 1 else f"winner {one.number - 1}, scaled",
        count(one.teacher_costs["params"]),
        count(one.teacher_costs["macs"]),
        accuracy,
        count(one.costs["params"]),
        count(one.costs["macs"]),
        quality_text(one.quality),
        "\u2013" if one.agreement is None else estimate_text(one.agreement),
        "\u2013" if one.core_seconds is None else f"{one.core_seconds:,.0f}",
    ]


def _overlap(one: Quality | None, other: Quality | None) -> bool:
    """Return whether the intervals of two figures overlap; False where one is not known."""
    if one is None or other is None or one.interval is None or other.interval is None:
        return False
    return one.interval[0] <= other.interval[1] and other.interval[0] <= one.interval[1]


def _estimates(ranked: Ranked) -> list[str]:
    estimates = (ranked.kendall, ranked.partial, *(ranked.sizes[name] for name in SIZES))
    return [estimate_text(each) for each in estimates]
