"""Inherited weights: fine-tuning from the supernet's weights beside training from scratch."""

import plotly.graph_objects as go

from helixnas.report.charts import color_of, label, panels, place, to_html
from helixnas.report.markup import Section, figure, paragraph, table
from helixnas.report.reading import RunFiles, Search
from helixnas.report.summary import accuracy_texts

WAYS = ("from scratch", "inherited weights")


def inheritance_section(run: RunFiles) -> Section:
    """Return accuracies and curves of both ways side by side, or how to get them."""
    chosen = [search for search in run.searches if search.inherited]
    if not chosen:
        note = (
            "No network was trained from inherited weights; to see fine-tuning beside training from scratch: "
            f"helixnas retrain {run.folder} --init inherited"
        )
        return Section(anchor="inheritance", title="Inherited weights", body=paragraph(note))
    head = ["search", "first weights", "epochs", "accuracy", "95 % interval", "images"]
    body = table(head, [row for search in chosen for row in _rows(search)], numeric=2)
    body += "".join(paragraph(sentence) for search in chosen if (sentence := ratio_text(search)))
    if any(_curve(search, way) for search in chosen for way in WAYS):
        chart = to_html(_chart(chosen), name="inheritance", description="Accuracy by epoch of both ways of training")
        body += figure(
            chart,
            "Accuracy after every epoch on up to 1,000 rating images, which no training has seen; what stands in the "
            "table is measured once, at the end, on images of its own.",
        )
    return Section(anchor="inheritance", title="Inherited weights", body=body)


def ratio_text(search: Search) -> str:
    """Return after how many epochs fine-tuning reaches what training from scratch reaches; empty where not both ran."""
    scratch, inherited = (_curve(search, way) for way in WAYS)
    if not scratch or not inherited:
        return ""
    reached = next((epoch for epoch, value in enumerate(inherited, start=1) if value >= scratch[-1]), None)
    target = f"the {100 * scratch[-1]:.1f} % that {len(scratch)} epochs from scratch reach"
    if reached is None:
        return (
            f"{search.name}: {len(inherited)} epochs of fine-tuning end at {100 * inherited[-1]:.1f} %, below {target}."
        )
    share = 100 * reached / len(scratch)
    return f"{search.name}: fine-tuning reaches {target} after {reached} ({share:.0f} % of the epochs)."


def _rows(search: Search) -> list[list[str]]:
    rows: list[list[str]] = []
    for way, metrics in zip(WAYS, (search.metrics, search.inherited), strict=True):
        if metrics:
            accuracy = accuracy_texts(metrics.get("accuracy"), metrics.get("num_images"))
            rows.append([search.name, way, str(metrics.get("epochs", "\u2013")), *accuracy])
    head = search.inherited.get("accuracy_of_head")
    accuracy = accuracy_texts(head, search.inherited.get("num_images"))
    return [*rows, [search.name, "inherited weights, the new head alone fitted", "\u2013", *accuracy]]


def _curve(search: Search, way: str) -> list[float]:
    metrics = search.metrics if way == WAYS[0] else search.inherited
    return [float(value) for value in metrics.get("accuracy_by_epoch", ())]


def _chart(searches: list[Search]) -> go.Figure:
    titles = [search.name for search in searches]
    chart = panels(titles, columns=2, height=240, legend=True, share_y=True)
    for position, search in enumerate(searches):
        at = place(position, columns=2, number=len(searches))
        for number, way in enumerate(WAYS):
            values = _curve(search, way)
            line = go.Scatter(x=list(range(1, len(values) + 1)), y=values, mode="lines+markers", name=label(way))
            line.update(line={"color": color_of(number), "width": 2}, marker={"size": 4}, showlegend=position == 0)
            hover = f"{label(way)}<br>epoch %{{x}}: %{{y:.2%}}<extra></extra>"
            chart.add_trace(line.update(hovertemplate=hover), **at)
        chart.update_xaxes(title_text="epoch", **at)
        chart.update_yaxes(title_text="accuracy" if at["col"] == 1 else None, tickformat=".0%", **at)
    return chart
