"""Stitching consistency: do summed scores predict whole networks made of the same supernet blocks, better than size?"""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from helixnas.artifacts.ranking import SIZES
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import PALETTE, QUIET
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, section
from helixnas.report.elements.wording import interval_text, listed, name_of, signed
from helixnas.report.reading import RunFiles

NAMES = {"score": "summed score"} | {size: name_of(size) for size in SIZES}
"""Predictors in the order of the page: the score, then sizes."""


def consistency_section(run: RunFiles) -> Section | None:
    """Return how score and size rank stitched networks, or why they cannot; None where none was asked for."""
    found = run.stitching
    if found is None or not (found.get("architectures") or "unavailable" in found or "probe" in found):
        return None
    rows, agreement = found.get("architectures", []), found.get("agreement", {})
    values: dict[str, Any] = {"stitching": run.stitching, "num_networks": len(rows), "comparison": ""}
    values |= {"probe": _probe(found), "has_readout": "probe" in found}
    if agreement and "unavailable" not in found:
        values |= {"comparison": comparison(agreement), "chart": _scatters(rows, agreement), "rows": _rows(agreement)}
        values |= {"partial": _partial(agreement), "others": _others(agreement)}
    return section("stitching", "Stitching consistency", "run/consistency", **values)


def _probe(found: Mapping[str, Any]) -> str:
    """Return in words how well linear classifiers tell classes apart, after and before the teacher learned (DNA++)."""
    if "probe" not in found:
        return ""
    return (
        f"A linear classifier on the frozen teacher's pooled last features, fitted on {found['num_fitted']:,} training images, "
        f"is right for {found['probe']:.1%} of {found['num_probed']:,} rating images; on those of the same network before it "
        f"learned, for {found['probe_before']:.1%}."
    )


def comparison(agreement: Mapping[str, Any]) -> str:
    """Return in words whether the score ranks stitched networks better than size alone does."""
    score = agreement["score"]
    sizes = [name for name in SIZES if name in agreement]
    low, high = score["kendall_interval"]
    own = f"the score's Kendall tau is {signed(score['kendall'])} ({interval_text((low, high))})"
    beside = listed([f"{NAMES[name]} {signed(agreement[name]['kendall'])}" for name in sizes])
    better = [NAMES[name] for name in sizes if agreement[name]["kendall"] >= score["kendall"]]
    best = max((agreement[name] for name in sizes), key=lambda values: values["kendall"], default=None)
    if better:
        claim = f"Size predicts these networks at least as well as the score: {listed(better)} alone."
    elif best is None or low > best["kendall_interval"][1]:
        claim = "The score ranks these networks better than any size alone."
    else:
        claim = (
            "The score ranks these networks a little better than any size alone, "
            "but the intervals overlap, so the lead is not certain."
        )
    none = " The score's interval includes 0: it may not predict the divergence at all." if low <= 0 <= high else ""
    return f"{claim} In figures: {own}; of size alone, {beside}.{none}"


def _rows(agreement: Mapping[str, Any]) -> list[list[str]]:
    """Return a row per predictor: the summed score, other kinds of score and sums of searches where there are some, and sizes."""
    kinds = dict(agreement.get("kinds", {}))
    first = next(iter(kinds), None)
    named = [(f"{NAMES['score']} ({first})" if first else NAMES["score"], agreement["score"])]
    named += [(kind, values) for kind, values in kinds.items() if kind != first]
    named += [(f"{name} (added up by a search)", values) for name, values in agreement.get("sums", {}).items()]
    named += [(NAMES[name], agreement[name]) for name in SIZES if name in agreement]
    rows: list[list[str]] = []
    for name, values in named:
        figures = ((signed(values[k]), interval_text(values[f"{k}_interval"])) for k in ("kendall", "spearman"))
        rows.append([name, *chain(*figures)])
    return rows


def _partial(values: Mapping[str, Any]) -> str:
    """Return the partial correlation with its interval; without one for a run that was checked without."""
    if "partial_spearman" not in values:
        return ""
    interval = values.get("partial_spearman_interval")
    return signed(values["partial_spearman"]) + (f" (95 % interval {interval_text(interval)})" if interval else "")


def _others(agreement: Mapping[str, Any]) -> str:
    """Return the partial correlations of further kinds of score and of sums of searches; empty where there are none."""
    others = [*list(agreement.get("kinds", {}).items())[1:], *agreement.get("sums", {}).items()]
    return listed([f"{kind} {_partial(values)}" for kind, values in others]) if others else ""


def _scatters(rows: Sequence[Mapping[str, Any]], agreement: Mapping[str, Any]) -> Chart:
    names = [name for name in NAMES if name in rows[0] and name in agreement]
    titles = [f"Kendall tau {signed(agreement[name]['kendall'])}" for name in names]
    chart = Chart(titles, columns=4, height=190, share_y=True)
    for panel, name in enumerate(names):
        color = PALETTE[0] if name == "score" else QUIET
        x, y = [row[name] for row in rows], [row["divergence"] for row in rows]
        texts = [f"{row['architecture']}: {a:,.6g}, {b:.3f} nats" for row, a, b in zip(rows, x, y, strict=True)]
        chart.add(Marks(x=x, y=y, color=color, size=6, opacity=0.75, titles=texts), panel)
        chart.x(panel, title=NAMES[name], most_ticks=4, is_whole=name == "depth")
        chart.y(panel, title="divergence (nats)")
    return chart
