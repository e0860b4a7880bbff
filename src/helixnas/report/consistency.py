"""Stitching consistency: do summed scores predict whole networks made of the same supernet blocks?

The correlation of the score never stands alone: parameters, multiply-adds and depth are shown on the same networks,
because in many spaces a larger network simply does better, and a score that only measures size is not worth its price.
"""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from helixnas.report.charts import PALETTE, QUIET, label, panels, place, to_html
from helixnas.report.markup import Section, figure, listed, missing, paragraph, signed, table
from helixnas.report.reading import RunFiles

NAMES = {"score": "summed score", "macs": "MACs", "params": "parameters", "depth": "depth (layers)"}
"""What predicts, in the order of the page; the score first, sizes after it."""

MEANING = (
    "Random networks are assembled from the supernet's blocks, adapters and the teacher's own head, and their outputs "
    "compared with the teacher's without training anything anew. This measures additivity: whether scores of single "
    "blocks may be added up (Eq. 4). It uses the very weights that were rated, so it is not trained accuracy, "
    "and a network that ranks well here need not rank well after retraining."
)


def consistency_section(run: RunFiles) -> Section:
    """Return how score and size rank stitched networks, or what is missing."""
    title = "Stitching consistency"
    if run.stitching is None:
        planned = (run.settings.get("stitching") or {}).get("num_architectures", 1)
        note = (
            f"No stitched network has been evaluated yet; continue with: helixnas rate {run.folder}"
            if planned
            else "The settings leave this check out (stitching.num_architectures is 0)."
        )
        return Section(anchor="stitching", title=title, body=missing(note))
    rows, agreement = run.stitching["architectures"], run.stitching["agreement"]
    body = paragraph(MEANING)
    if "unavailable" in run.stitching:
        note = f"Unavailable in this run: {run.stitching['unavailable']}."
        return Section(anchor="stitching", title=title, body=body + missing(note))
    if not agreement:
        note = f"{len(rows)} stitched networks are too few for a correlation; at least 3 are needed."
        return Section(anchor="stitching", title=title, body=body + missing(note))
    chart = to_html(
        _scatters(rows, agreement), name="stitching", description="Divergence of stitched networks against predictors"
    )
    body += paragraph(comparison(agreement))
    body += figure(
        chart,
        "Each dot is one stitched network; the vertical axis is the Kullback-Leibler divergence of its output from the "
        "teacher's in nats, lower is better. A useful score shows dots that rise to the right (lower score, lower "
        "divergence); if size helps, dots fall towards larger networks.",
    )
    body += table(
        ["what predicts", "Kendall tau", "95 % interval", "Spearman rho", "95 % interval"],
        _rows(agreement),
        caption=(
            f"Rank agreement with the measured divergence on the same {len(rows)} networks, from -1 to 1: positive "
            "where a lower score, or a larger size, goes with a lower divergence. Intervals by bootstrap over networks; depth "
            "counts the layers that are no identity."
        ),
    )
    if "partial_spearman" in agreement:
        body += paragraph(
            f"Partial Spearman of the score, with MACs, parameters and depth held fixed: "
            f"{signed(agreement['partial_spearman'])}{_partial_interval(agreement)}. It is "
            f"what the score knows beyond size; 0 would be nothing.{_others(agreement)}"
        )
    return Section(anchor="stitching", title=title, body=body)


def comparison(agreement: Mapping[str, Any]) -> str:
    """Return in words whether the score ranks stitched networks better than size alone does."""
    score = agreement["score"]
    sizes = [name for name in ("macs", "params", "depth") if name in agreement]
    low, high = score["kendall_interval"]
    own = f"the score's Kendall tau is {signed(score['kendall'])} ({signed(low)} to {signed(high)})"
    beside = listed([f"{NAMES[name]} {signed(agreement[name]['kendall'])}" for name in sizes])
    better = [NAMES[name] for name in sizes if agreement[name]["kendall"] >= score["kendall"]]
    if better:
        told = f"Size predicts these networks at least as well as the score: {listed(better)} alone."
    else:
        best = max((agreement[name] for name in sizes), key=lambda values: values["kendall"], default=None)
        clear = best is None or low > best["kendall_interval"][1]
        told = (
            "The score ranks these networks better than any size alone."
            if clear
            else "The score ranks these networks a little better than any size alone, "
            "but the intervals overlap, so the lead is not certain."
        )
    none = " The score's interval includes 0: on its own it may say nothing." if low <= 0 <= high else ""
    return f"{told} In figures: {own}; of size alone, {beside}.{none}"


def _rows(agreement: Mapping[str, Any]) -> list[list[str]]:
    """Return a row per predictor: the summed score, other kinds of score where there are some, and sizes."""
    kinds = dict(agreement.get("kinds", {}))
    first = next(iter(kinds), None)
    rows = [_row(f"{NAMES['score']} ({first})" if first else NAMES["score"], agreement["score"])]
    rows += [_row(kind, values) for kind, values in kinds.items() if kind != first]
    return rows + [_row(NAMES[name], agreement[name]) for name in NAMES if name != "score" and name in agreement]


def _others(agreement: Mapping[str, Any]) -> str:
    """Return the partial correlations of the kinds of score beside the first, in a sentence; empty where there are none."""
    others = list(agreement.get("kinds", {}).items())[1:]
    told = [f"{kind} {signed(values['partial_spearman'])}{_partial_interval(values)}" for kind, values in others]
    return f" Of other kinds of score: {listed(told)}." if told else ""


def _row(name: str, values: Mapping[str, Any]) -> list[str]:
    cells = [name]
    for kind in ("kendall", "spearman"):
        low, high = values[f"{kind}_interval"]
        cells += [signed(values[kind]), f"{signed(low)} to {signed(high)}"]
    return cells


def _partial_interval(agreement: Mapping[str, Any]) -> str:
    """Return the interval of the partial correlation in brackets; nothing for a run that was checked without one."""
    if "partial_spearman_interval" not in agreement:
        return ""
    low, high = agreement["partial_spearman_interval"]
    return f" (95 % interval {signed(low)} to {signed(high)})"


def _few(rows: list[Mapping[str, Any]]) -> bool:
    depths = [row["depth"] for row in rows]
    return max(depths) - min(depths) <= 6


def _scatters(rows: list[Mapping[str, Any]], agreement: Mapping[str, Any]) -> go.Figure:
    names = [name for name in NAMES if name in rows[0] and name in agreement]
    titles = [f"Kendall tau {signed(agreement[name]['kendall'])}" for name in names]
    chart = panels(titles, columns=4, height=230, share_y=True)
    for position, name in enumerate(names):
        at = place(position, columns=4, number=len(names))
        dots = go.Scatter(x=[row[name] for row in rows], y=[row["divergence"] for row in rows], mode="markers")
        dots.update(marker={"size": 6, "color": PALETTE[0] if name == "score" else QUIET, "opacity": 0.75})
        dots.update(customdata=[label(row["architecture"]) for row in rows], showlegend=False)
        chart.add_trace(dots.update(hovertemplate="%{customdata}<br>%{x:,}, %{y:.3f} nats<extra></extra>"), **at)
        chart.update_xaxes(title_text=NAMES[name], nticks=5, dtick=1 if name == "depth" and _few(rows) else None, **at)
        chart.update_yaxes(title_text="divergence (nats)" if position == 0 else None, **at)
    return chart
