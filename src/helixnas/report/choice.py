"""The choice of every search: the front it was taken from, and how sure it is against the next ten."""

from itertools import accumulate

import plotly.graph_objects as go

from helixnas.report.charts import INK, PALETTE, QUIET, WIDTH, label, panels, place, style, symbol_of, to_html
from helixnas.report.intervals import coverage_of_two_standard_errors
from helixnas.report.markup import Section, figure, missing, paragraph, text
from helixnas.report.proof import comparison_table, proof_text
from helixnas.report.reading import RunFiles, RunnerUp, Search
from helixnas.report.summary import limits_text

GREY = "#b3bac2"
AXES = {"macs": ("multiply-adds", 1), "params": ("parameters", 1), "latency_ns": ("latency in milliseconds", 10**6)}
"""Per resource, what its axis is called, and how many of its units one of the axis is."""

MAX_LABEL, MAX_PARTS = 62, 3


def front_section(run: RunFiles) -> Section:
    """Return the Pareto front of every search with its choice and its limit."""
    title = "Score against cost"
    if not run.searches:
        note = missing(f"No search has been made yet; continue with: helixnas search {run.folder}")
        return Section(anchor="front", title=title, body=note)
    chart = to_html(_fronts(run), name="front", description="Pareto front of every search with its choice")
    caption = (
        "Each dot of the line is a network that no other beats in both summed score (Eq. 4) and cost; "
        "lower and further left is better. The star or other dark marker is the choice, the dashed line the limit."
    )
    if any(len(search.front_over) > 1 for search in run.searches):
        caption += " Where there is no line, further resources count: a dot may be there for what it costs in them."
    if run.stitching and run.stitching["architectures"] and not any(search.weighted for search in run.searches):
        caption += " Grey dots are random networks of the space, whatever their cost."
    return Section(anchor="front", title=title, body=figure(chart, caption))


def certainty_section(run: RunFiles) -> Section:
    """Return, per search, the winner against the next ten."""
    title = "How sure is the choice"
    if not run.searches:
        note = missing("The winner can be compared with the next ten after the first search.")
        return Section(anchor="certainty", title=title, body=note)
    body = paragraph(_meaning(run))
    for number, search in enumerate(run.searches):
        body += f'<div class="keep"><h3>Search: {text(search.name)}</h3>\n{paragraph(verdict(search))}'
        if search.runners_up:
            drawn = to_html(_forest(search), name=f"certainty-{number}", description=verdict(search))
            body += figure(
                drawn,
                "Summed score of each runner-up minus the winner's, with plus and minus two paired "
                "standard errors: right of zero, the winner is better; an interval that reaches zero (hollow) is not "
                "told apart. A row names the blocks in which the runner-up differs.",
            )
        body += f"{proof_text(search)}{comparison_table(search)}</div>\n"
    return Section(anchor="certainty", title=title, body=body)


def told_apart(other: RunnerUp) -> bool | None:
    """Return whether a difference is more than two standard errors; None where the error is not known.

    >>> told_apart(RunnerUp(architecture="a", difference=0.5, standard_error=0.125))
    True
    """
    return None if other.standard_error is None else abs(other.difference) > 2 * other.standard_error


def verdict(search: Search) -> str:
    """Return in words how many of the next ten are not told apart from the winner."""
    number, answers = len(search.runners_up), [told_apart(other) for other in search.runners_up]
    if not number:
        return "No other network meets the limits, so there is nothing to compare the winner with."
    if None in answers:
        return f"Whether the winner differs from the next {number} cannot be said: one rating batch has no spread."
    close = answers.count(False)
    if not close:
        return f"The winner is told apart from all of the next {number}."
    are, them = ("is", "it") if close == 1 else ("are", "any of them")
    return (
        f"{close} of the next {number} {are} not told apart from the winner: on other rating images {them} "
        "could have come out ahead."
    )


def differing_blocks(winner: str, other: str) -> list[str]:
    """Return the blocks in which another network differs from the winner, with its own path there.

    >>> differing_blocks("16:a 24:a", "16:a 24:b,a")
    ['block 2: 24:b,a']
    """
    pairs = zip(winner.split(), other.split(), strict=True)
    return [f"block {block}: {path}" for block, (best, path) in enumerate(pairs, start=1) if path != best]


def _meaning(run: RunFiles) -> str:
    sentence = (
        "The winner and each of the next ten networks are compared on the same rating images, batch by batch. "
        "This covers the luck of the rating images, not that of distilling the supernet again with another seed."
    )
    batches = len(run.ratings[0].batch_sizes) if run.ratings else 0
    if 2 <= batches <= 30:
        share = 100 * coverage_of_two_standard_errors(batches)
        sentence += (
            f" With {batches} batches the standard error is itself rough: two of them cover about {share:.0f} %."
        )
    return sentence


def _fronts(run: RunFiles) -> go.Figure:
    number, columns = len(run.searches), 2
    titles = [f"{search.name} (limits: {limits_text(search)})" for search in run.searches]
    chart = panels(titles, columns=columns, height=270, legend=True, share_y=not any(s.weighted for s in run.searches))
    for position, search in enumerate(run.searches):
        at = place(position, columns=columns, number=number)
        resource, first = search.front_over[0], position == 0
        title, unit = AXES.get(resource, (label(resource), 1))
        if run.stitching and not search.weighted:
            rows = [row for row in run.stitching["architectures"] if resource in row]
            cloud = go.Scatter(x=[r[resource] / unit for r in rows], y=[r["score"] for r in rows], mode="markers")
            cloud.update(marker={"color": GREY, "size": 5}, name="random networks", showlegend=first, hoverinfo="skip")
            chart.add_trace(cloud, **at)
        order = search.front.resources[resource].argsort()
        line = go.Scatter(
            x=search.front.resources[resource][order] / unit,
            y=search.front.score[order],
            mode="lines+markers" if len(search.front_over) == 1 else "markers",
        )
        line.update(line={"color": PALETTE[0], "width": 1.2, "shape": "hv"}, marker={"size": 5}, name="front")
        line.update(showlegend=first, customdata=[label(search.front.architecture[i]) for i in order])
        chart.add_trace(line.update(hovertemplate="%{customdata}<br>%{x:,}, %{y:.5f}<extra></extra>"), **at)
        choice = go.Scatter(x=[search.costs[resource] / unit], y=[search.score], mode="markers", showlegend=True)
        choice.update(
            marker={"symbol": symbol_of(position), "size": 13, "color": INK}, name=label(f"choice of {search.name}")
        )
        chart.add_trace(choice.update(hovertemplate="choice<br>%{x:,}, %{y:.5f}<extra></extra>"), **at)
        if resource in search.upper:
            chart.add_vline(x=search.upper[resource] / unit, line={"color": QUIET, "dash": "dash", "width": 1.2}, **at)
        chart.update_xaxes(title_text=title, **at)
        chart.update_yaxes(title_text="summed score" if at["col"] == 1 else None, **at)
    return chart


def _forest(search: Search) -> go.Figure:
    others = search.runners_up
    rows = [_row(rank, search, other) for rank, other in enumerate(others, start=2)]
    ahead = [told_apart(other) for other in others]
    errors = [2 * (other.standard_error or 0.0) for other in others]
    lines = [row.count("<br>") + 1 for row in rows]
    ends = list(accumulate(max(20, 13 * number + 6) for number in lines))
    middles = [end - max(20, 13 * number + 6) / 2 for end, number in zip(ends, lines, strict=True)]
    dots = go.Scatter(x=[other.difference for other in others], y=middles, mode="markers")
    dots.update(error_x={"type": "data", "array": errors, "color": PALETTE[0], "thickness": 1.5, "width": 4})
    fill = [PALETTE[0] if apart else "#ffffff" for apart in ahead]
    dots.update(marker={"size": 9, "color": fill, "line": {"color": PALETTE[0], "width": 1.6}})
    dots.update(customdata=[label(other.architecture) for other in others])
    dots.update(hovertemplate="%{customdata}<br>%{x:.5f} \u00b1 %{error_x.array:.5f}<extra></extra>")
    chart = go.Figure(dots)
    letters = max(len(line) for row in rows for line in row.split("<br>"))
    left = min(WIDTH // 2, 34 + round(6.4 * letters))
    style(chart, height=ends[-1] + 58, top=8, bottom=50, left=left)
    chart.add_vline(x=0, line={"color": INK, "width": 1.2})
    chart.update_xaxes(title_text="difference in summed score (right: the winner is better)")
    mono = "ui-monospace, SFMono-Regular, Menlo, Consolas, monospace"
    chart.update_yaxes(tickvals=middles, ticklabelstandoff=8, ticktext=rows, tickfont={"family": mono, "size": 10.5})
    return chart.update_yaxes(range=[ends[-1], 0], showgrid=False, ticks="").update_layout(showlegend=False)


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
