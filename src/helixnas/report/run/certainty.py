"""How sure the choice of every search is: the winner against the next ten, its certificate, and other search methods."""

from itertools import accumulate

from helixnas.artifacts.search_record import RunnerUp
from helixnas.report.elements.charts import INK, PALETTE, WIDTH, Chart, label, scatter
from helixnas.report.elements.intervals import coverage_of_two_standard_errors
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import RunFiles, Search

MAX_LABEL, MAX_PARTS = 62, 3
"""The most letters in a line of a row's label, and the most blocks that it names."""

MONO = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"


def certainty_section(run: RunFiles) -> Section:
    """Return, per search, the winner against the next ten."""
    batches = len(run.ratings[0].batch_sizes) if run.ratings else 0
    values = {
        "batches": batches,
        "coverage": 100 * coverage_of_two_standard_errors(batches) if 2 <= batches <= 30 else None,
        "searches": [
            (search, verdict(search), _forest(search) if search.found.runners_up else None, comparison_rows(search))
            for search in run.searches
        ],
    }
    return section("certainty", "How sure is the choice", "run/certainty", **values)


def is_significant(other: RunnerUp) -> bool | None:
    """Return whether a difference is more than two standard errors; None where the error is not known."""
    return None if other.standard_error is None else abs(other.difference) > 2 * other.standard_error


def verdict(search: Search) -> str:
    """Return in words how many of the next ten networks do not differ significantly from the winner."""
    number, answers = len(search.found.runners_up), [is_significant(other) for other in search.found.runners_up]
    if not number:
        return "No other network meets the limits, so there is nothing to compare the winner with."
    if None in answers:
        unknown = f"Whether the winner differs from the next {number} is not known"
        return f"{unknown}: that takes at least two rating batches."
    close = answers.count(False)
    if not close:
        return f"The winner is significantly better than all of the next {number}."
    return (
        f"The winner is not significantly better than {close} of the next {number}: with other rating images, "
        f"{'it' if close == 1 else 'any of them'} might have won."
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


def _forest(search: Search) -> Chart:
    """Draw the difference of each runner-up with two standard errors; rows are as high as their labels."""
    others = search.found.runners_up
    rows = [_row(rank, search, other) for rank, other in enumerate(others, start=2)]
    heights = [max(20, 13 * (row.count("<br>") + 1) + 6) for row in rows]
    ends = list(accumulate(heights))
    middles = [end - height / 2 for end, height in zip(ends, heights, strict=True)]
    letters = max(len(line) for row in rows for line in row.split("<br>"))
    chart = Chart(height=ends[-1] + 76, left=min(WIDTH // 2, 34 + round(6.4 * letters)))
    errors = [2 * (other.standard_error or 0.0) for other in others]
    fill = [PALETTE[0] if is_significant(other) else "#ffffff" for other in others]
    dots = {"marker": {"size": 9, "color": fill, "line": {"color": PALETTE[0], "width": 1.6}}}
    dots |= {"error_x": {"type": "data", "array": errors, "color": PALETTE[0], "thickness": 1.5, "width": 4}}
    dots |= {"customdata": [label(other.architecture) for other in others]}
    hover = "%{customdata}<br>%{x:.5f} \u00b1 %{error_x.array:.5f}"
    chart.add(scatter([other.difference for other in others], middles, "markers", hover=hover, **dots))
    chart.rule(x=0, line={"color": INK, "width": 1.2})
    chart.x(title_text="difference in summed score (right: the winner is better)")
    chart.y(tickvals=middles, ticklabelstandoff=8, ticktext=rows, tickfont={"family": MONO, "size": 10.5})
    chart.y(range=[ends[-1], 0], showgrid=False, ticks="")
    return chart


def _row(rank: int, search: Search, other: RunnerUp) -> str:
    """Return the label of a runner-up, broken where it would be wider than half the page."""
    lines, parts = [f"{rank}."], differing_blocks(search.architecture.text, other.architecture)
    if len(parts) > MAX_PARTS + 1:
        parts = [*parts[:MAX_PARTS], f"and {len(parts) - MAX_PARTS} more blocks"]
    for part in parts:
        if len(lines[-1]) + len(part) > MAX_LABEL:
            lines.append("")
        lines[-1] += f" {part}"
    return "<br>".join(label(line.strip()) for line in lines)
