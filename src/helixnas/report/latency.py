"""Latency: how it was measured, and how far sums of parts are from networks measured whole."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from helixnas.report.charts import INK, PALETTE, label, style, to_html
from helixnas.report.markup import Section, figure, paragraph, text
from helixnas.report.reading import RunFiles, Search


def latency_section(run: RunFiles) -> Section:
    """Return predicted latency beside measured, and how latency budgets were kept; or how to measure it."""
    if run.latency is None:
        note = (
            "Latency was not measured, so no search can limit it; measure it with, for example: "
            f"helixnas costs {run.folder} --latency onnxruntime-cpu"
        )
        return Section(anchor="latency", title="Latency", body=paragraph(note))
    body = paragraph(conditions(run.latency)) + paragraph(errors(run.latency))
    if run.latency["networks"]:
        chart = to_html(_scatter(run.latency["networks"]), name="latency", description="Predicted and measured latency")
        body += figure(
            chart,
            "Each dot is a random network: across, the sum of its parts; up, the network measured whole. On the line "
            "the two agree; above it, a network is slower than predicted.",
        )
    checked = [search for search in run.searches if search.latency is not None]
    body += "".join(f'<p class="found"><b>{text(search.name)}</b> {text(_kept(search))}</p>\n' for search in checked)
    return Section(anchor="latency", title="Latency", body=body)


def conditions(latency: Mapping[str, Any]) -> str:
    """Return in words how latency was measured."""
    images = f"batch {latency['batch_size']} at {latency['image_size']} pixels"
    parts = f"{latency['num_parts']} parts (every operation in every context, stem and heads)"
    if not latency["measured_here"]:
        return f"Latency of {parts} was taken from {latency['runtime']}, for {images}, and is summed along a network."
    return (
        f"Latency of {parts} was measured with {latency['runtime']} on {latency['device']}, for {images}, "
        f"{latency['num_threads']} CPU thread(s), as the median of {latency['num_rounds']} rounds, and is summed along "
        "a network."
    )


def errors(latency: Mapping[str, Any]) -> str:
    """Return in words how far the sums are off."""
    error, number = latency["error"], len(latency["networks"])
    if not error:
        return "No network was measured whole, so how far the sums are off is not known."
    return (
        f"Against {number} random networks measured whole, the sums are off by {100 * error['median']:.1f} % in the "
        f"median and {100 * error['worst']:.1f} % at worst; with its sign, the median error is "
        f"{100 * error['bias']:+.1f} %.".replace("-", "\u2212")
    )


def _kept(search: Search) -> str:
    assert search.latency is not None
    said = str(search.latency["text"])
    return said[:1].upper() + said[1:] + "."


def _scatter(networks: list[Mapping[str, Any]]) -> go.Figure:
    predicted = [row["predicted_ns"] / 1e6 for row in networks]
    measured = [row["measured_ns"] / 1e6 for row in networks]
    ends = [min(*predicted, *measured), max(*predicted, *measured)]
    chart = go.Figure()
    chart.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line={"color": INK, "width": 1, "dash": "dot"}))
    dots = go.Scatter(x=predicted, y=measured, mode="markers", marker={"size": 8, "color": PALETTE[0]})
    dots.update(customdata=[label(row["architecture"]) for row in networks])
    chart.add_trace(
        dots.update(hovertemplate="%{customdata}<br>%{x:.3g} ms predicted, %{y:.3g} measured<extra></extra>")
    )
    chart.update_layout(showlegend=False)
    chart.update_xaxes(title_text="predicted (ms)")
    chart.update_yaxes(title_text="measured (ms)")
    return style(chart, height=380)
