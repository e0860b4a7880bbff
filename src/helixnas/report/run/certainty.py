"""How sure the choice of every search is: the winner against the next ten, its certificate, and other search methods."""

from dataclasses import dataclass

from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.ranking import CALIBRATED
from helixnas.artifacts.search_record import RunnerUp
from helixnas.report.elements.axes import Wanted, axis_over
from helixnas.report.elements.intervals import coverage_of_two_standard_errors
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import listed, name_of, signed
from helixnas.report.reading import RunFiles, Search

MAX_PARTS = 3
"""The most blocks that a row names."""


@dataclass(frozen=True, kw_only=True)
class ForestRow:
    """One runner-up beside the winner."""

    rank: int
    blocks: str
    """The blocks in which it differs from the winner."""

    text: str
    places: list[float]
    """In percent of the row: zero, the lower end of the interval, the difference, the upper end."""

    is_hollow: bool
    """Whether the difference is not significant."""


def certainty_section(run: RunFiles) -> Section | None:
    """Return, per search, the winner against the next ten; None before the first."""
    if not run.searches:
        return None
    batches = len(run.ratings[0].batch_sizes) if run.ratings else 0
    values = {
        "batches": batches,
        "coverage": 100 * coverage_of_two_standard_errors(batches) if 2 <= batches <= 30 else None,
        "searches": [(search, verdict(search), forest(search), comparison_rows(search)) for search in run.searches],
    }
    return section("certainty", "How sure is the choice", "run/certainty", **values)


def is_significant(other: RunnerUp) -> bool | None:
    """Return whether a difference is more than two standard errors; None where the error is not known.

    An error of 0 is that of scores that were not measured per batch, as earlier versions wrote it.
    """
    error, difference = other.standard_error, abs(other.difference)
    return None if error is None or (error == 0 and difference > 0) else difference > 2 * error


def verdict(search: Search) -> str:
    """Return in words how many of the next ten networks do not differ significantly from the winner."""
    number, answers = len(search.found.runners_up), [is_significant(other) for other in search.found.runners_up]
    if not number:
        return "No other network meets the limits, so there is nothing to compare the winner with."
    scores = search.found.config["scores"]
    once = [name_of(name) for name in scores if name in (*PROXIES, CALIBRATED)]
    if None in answers:
        unknown = f"Whether the winner differs from the next {number} is not known"
        if once and len(once) == len(scores):
            return f"{unknown}: {listed(once)} {'was' if len(once) == 1 else 'were'} not measured per rating batch."
        return f"{unknown}: that takes at least two rating batches."
    close = answers.count(False)
    only = f" Only the noise of the rating images counts here, not that of {listed(once)}." if once else ""
    if not close:
        return f"The winner is significantly better than all of the next {number}.{only}"
    return (
        f"The winner is not significantly better than {close} of the next {number}: with other rating images, "
        f"{'it' if close == 1 else 'any of them'} might have won.{only}"
    )


def differing_blocks(winner: str, other: str) -> list[str]:
    """Return the blocks in which another network differs from the winner, with its own path there.

    >>> differing_blocks("16:a 24:a", "16:a 24:b,a")
    ['block 2: 24:b,a']
    """
    pairs = zip(winner.split(), other.split(), strict=True)
    return [f"block {block}: {path}" for block, (best, path) in enumerate(pairs, start=1) if path != best]


def comparison_rows(search: Search) -> list[list[str]]:
    """Return a row per other search method: its score, how far it is above the best, and its time."""
    rows: list[list[str]] = []
    for row in search.comparison:
        score = "none found" if row["score"] is None else f"{row['score']:.5f}"
        above = "\u2013" if row["excess"] is None else f"{row['excess']:.5f}"
        rows.append([row["method"], score, above, f"{row['seconds']:.3f}", "yes" if row["finished"] else "no"])
    return rows


def forest(search: Search) -> list[ForestRow]:
    """Return a row per runner-up: where it differs, and its difference with two standard errors on a common range."""
    others = search.found.runners_up
    errors = [2 * (other.standard_error or 0.0) for other in others]
    ends = [0.0, *(other.difference + error for other, error in zip(others, errors, strict=True))]
    ends += [other.difference - error for other, error in zip(others, errors, strict=True)]
    axis = axis_over(ends, Wanted())
    return [
        ForestRow(
            rank=rank,
            blocks=_blocks(search, other),
            text=signed(other.difference, 5) + (f" \u00b1 {error:.5f}" if other.standard_error is not None else ""),
            places=[100 * axis.place(value) for value in (0.0, low, other.difference, high)],
            is_hollow=not is_significant(other),
        )
        for rank, other, error in zip(range(2, len(others) + 2), others, errors, strict=True)
        for low, high in [(other.difference - error, other.difference + error)]
    ]


def _blocks(search: Search, other: RunnerUp) -> str:
    """Return the blocks in which a runner-up differs, in words, and how many more where there are many."""
    parts = differing_blocks(search.architecture.text, other.architecture)
    if len(parts) > MAX_PARTS + 1:
        parts = [*parts[:MAX_PARTS], f"and {len(parts) - MAX_PARTS} more blocks"]
    return ", ".join(parts)
