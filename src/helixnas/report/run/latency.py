"""Latency: how it was measured, and how far sums of parts are from networks measured whole."""

from collections.abc import Mapping, Sequence
from typing import Any

from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import INK, PALETTE
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import signed
from helixnas.report.reading import RunFiles


def latency_section(run: RunFiles) -> Section | None:
    """Return predicted latency beside measured, and how latency budgets were kept; None where it was not measured."""
    if run.latency is None:
        return None
    chart = _scatter(run.latency["networks"]) if run.latency["networks"] else None
    kept = [(each.name, each.found.latency["text"]) for each in run.searches if each.found.latency is not None]
    values = {"conditions": conditions(run.latency), "errors": errors(run.latency), "chart": chart, "kept": kept}
    return section("latency", "Latency", "run/latency", **values)


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
    bias = signed(100 * error["bias"], 1)
    return (
        f"Against {number} random networks measured whole, the sums are off by {100 * error['median']:.1f} % in the "
        f"median and {100 * error['worst']:.1f} % at worst; with its sign, the median error is "
        f"{bias if error['bias'] < 0 else f'+{bias}'} %."
    )


def _scatter(networks: Sequence[Mapping[str, Any]]) -> Chart:
    predicted = [row["predicted_ns"] / 1e6 for row in networks]
    measured = [row["measured_ns"] / 1e6 for row in networks]
    ends = [min(*predicted, *measured), max(*predicted, *measured)]
    chart = Chart(height=300)
    chart.add(Marks(x=ends, y=ends, color=INK, line=1, dash="dot"))
    texts = [
        f"{row['architecture']}: {before:.3g} ms predicted, {after:.3g} measured"
        for row, before, after in zip(networks, predicted, measured, strict=True)
    ]
    chart.add(Marks(x=predicted, y=measured, color=PALETTE[0], size=8, titles=texts))
    chart.x(title="predicted (ms)")
    chart.y(title="measured (ms)")
    return chart
