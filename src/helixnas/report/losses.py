"""Loss curves: every block's distillation (Eq. 6), the teacher's training and the searched networks'."""

from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from helixnas.report.charts import color_of, label, log_axis, panels, place, to_html
from helixnas.report.markup import Section, figure, missing
from helixnas.report.reading import RunFiles


def losses_section(run: RunFiles) -> Section:
    """Return the section of all loss curves the run has so far."""
    distilled = run.curves.get("distill")
    body = "<h3>Distillation, block by block</h3>\n"
    if distilled is None or distilled.empty:
        body += missing(f"The supernet is not distilled yet; continue with: helixnas distill {run.folder}")
    else:
        chart = to_html(_distillation(distilled, run), name="distill", description="Distillation loss of every block")
        body += figure(
            chart,
            "Mean squared error between the features of a supernet block and its teacher block (Eq. 6), lower is "
            "better, on a logarithmic scale; the thick line is a running mean. Lines of one panel may be compared, "
            "panels may not: each block has features of its own scale.",
        )
    trained = {name: frame for name, frame in run.curves.items() if name != "distill" and not frame.empty}
    body += "<h3>Training the teacher and the searched networks</h3>\n"
    if not trained:
        return Section(anchor="losses", title="Loss curves", body=body + missing(_untrained(run)))
    body += figure(
        to_html(_training(trained, run), name="training", description="Training loss of teacher and searched networks"),
        "Cross-entropy on the training batches in nats, lower is better, on a logarithmic scale; the thick line is a "
        "running mean. It tells whether training has settled, not how well a network does on new images.",
    )
    return Section(anchor="losses", title="Loss curves", body=body)


def cell_names(run: RunFiles, block: int) -> list[str]:
    """Return what to call the cells of a block (1 .. N), in their order; empty where the space is not known."""
    if run.space is None or not 1 <= block <= len(run.space.blocks):
        return []
    cells = run.space.blocks[block - 1].cells
    return [f"{cell.width} channels, {cell.depths} layer{'s' if cell.depth > 1 else ''}" for cell in cells]


def running_mean(values: np.ndarray, share: float = 0.06) -> np.ndarray:
    """Return the mean around every position over a window of about `share` of the curve, narrower at the ends.

    >>> running_mean(np.array([1.0, 2.0, 3.0]), share=1.0).tolist()
    [1.0, 2.0, 3.0]
    """
    half = max(1, round(len(values) * share / 2))
    total = np.concatenate([[0.0], np.cumsum(values)])
    position = np.arange(len(values))
    reach = np.minimum(half, np.minimum(position, len(values) - 1 - position))
    return (total[position + reach + 1] - total[position - reach]) / (2 * reach + 1)


def _untrained(run: RunFiles) -> str:
    if run.teacher:
        return "Nothing to show: the teacher came with its weights, and no searched network is retrained yet."
    return f"The teacher is not made yet; continue with: helixnas teacher {run.folder}"


def _distillation(curves: pd.DataFrame, run: RunFiles) -> go.Figure:
    names = list(dict.fromkeys(curves["name"]))
    blocks = list(dict.fromkeys(int(name.split()[1]) for name in names))
    chart = panels([f"Block {block}" for block in blocks], columns=3, height=190)
    for position, block in enumerate(blocks):
        at = place(position, columns=3, number=len(blocks))
        known = cell_names(run, block)
        lines = [name for name in names if int(name.split()[1]) == block]
        for cell, name in enumerate(lines):
            title = known[cell] if len(known) == len(lines) else f"cell {cell + 1}"
            _line(chart, curves.loc[curves["name"] == name], title=title, cell=cell, at=at)
        chart.update_xaxes(title_text="step", **at)
        chart.update_yaxes(title_text="mean squared error" if at["col"] == 1 else None, **at)
        chart.update_yaxes(log_axis(curves.loc[curves["name"].isin(lines), "value"]), **at)
        _key(
            chart, [(known[c] if len(known) == len(lines) else f"cell {c + 1}", c) for c in range(len(lines))], position
        )
    return chart


def _training(curves: dict[str, pd.DataFrame], run: RunFiles) -> go.Figure:
    order = sorted(curves, key=lambda name: (name != "teacher", name))
    titles = {name: _title(name) for name in order}
    chart = panels([titles[name] for name in order], columns=3, height=170, share_y=True)
    for position, name in enumerate(order):
        at = place(position, columns=3, number=len(order))
        _line(chart, curves[name], title=titles[name], cell=0, at=at)
        chart.update_xaxes(title_text="step", **at)
        chart.update_yaxes(title_text="cross-entropy (nats)" if at["col"] == 1 else None, **at)
    return chart.update_yaxes(log_axis(value for frame in curves.values() for value in frame["value"]))


def _title(curve: str) -> str:
    kind, _, search = curve.partition("-")
    return {"teacher": "Teacher", "retrain": f"Search: {search}", "inherit": f"Inherited: {search}"}.get(kind, curve)


def _line(chart: go.Figure, curve: pd.DataFrame, *, title: str, cell: int, at: dict[str, Any]) -> None:
    steps, values = curve["step"].to_numpy(), curve["value"].to_numpy(dtype=float)
    color = color_of(cell)
    raw = go.Scatter(x=steps, y=values, mode="lines", line={"color": color, "width": 0.7}, opacity=0.35)
    smooth = go.Scatter(x=steps, y=running_mean(values), mode="lines", line={"color": color, "width": 2})
    chart.add_trace(raw.update(hoverinfo="skip", showlegend=False), **at)
    hover = f"{label(title)}<br>step %{{x:,}}: %{{y:.4g}}<extra></extra>"
    chart.add_trace(smooth.update(hovertemplate=hover, showlegend=False), **at)


def _key(chart: go.Figure, entries: list[tuple[str, int]], position: int) -> None:
    """Write the names of a panel's lines inside it, top right, in their colours."""
    axis = "" if position == 0 else str(position + 1)
    words = "<br>".join(f'<span style="color:{color_of(cell)}">\u2014 {label(name)}</span>' for name, cell in entries)
    chart.add_annotation(
        text=words,
        xref=f"x{axis} domain",
        yref=f"y{axis} domain",
        x=1,
        y=1,
        xanchor="right",
        yanchor="top",
        align="left",
        showarrow=False,
        bgcolor="rgba(255,255,255,0.8)",
        font={"size": 11},
    )
