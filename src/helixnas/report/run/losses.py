"""Loss curves: the distillation of every block (Eq. 6), the training of the teacher and of the searched networks."""

from collections.abc import Mapping

import numpy as np

from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import color_of
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.page import Section, section
from helixnas.report.reading import Curve, RunFiles


def losses_section(run: RunFiles) -> Section | None:
    """Return all loss curves the run has so far; None without any."""
    if not run.curves:
        return None
    trained = {stage: next(iter(lines.values())) for stage, lines in run.curves.items() if stage != "distill"}
    distillation = _distillation(run) if "distill" in run.curves else None
    training = _training(trained) if trained else None
    signs = run.record.stages["distill"].facts.get("embeddings", {}) if "distill" in run.record.stages else {}
    parts = {"distillation": distillation, "joint": _is_joint(run), "signs": sign_rows(signs), "training": training}
    return section("losses", "Loss curves", "run/losses", **parts)


def sign_rows(signs: Mapping[str, float]) -> list[list[str]]:
    """Return a row per block and side of its signs of collapse: spread, effective rank, covariance.

    >>> sign_rows(
    ...     {"block 1 teacher spread": 0.5, "block 1 teacher effective rank": 7.25, "block 1 teacher covariance": 0.125}
    ... )
    [['1', 'teacher', '0.5', '7.25', '0.125']]
    """
    rows = dict[tuple[str, str], list[str]]()
    for name, value in signs.items():
        _, block, side, _ = name.split(" ", 3)
        rows.setdefault((block, side), [block, side]).append(f"{value:.3g}")
    return list(rows.values())


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


def _is_joint(run: RunFiles) -> bool:
    """Return whether teacher and supernet learned together (DNA++)."""
    return (run.settings.get("distill") or {}).get("objective") == "self-supervised"


def _distillation(run: RunFiles) -> Chart:
    curves = run.curves["distill"]
    joint = _is_joint(run)
    blocks = list(dict.fromkeys(int(name.split()[1]) for name in curves))
    chart = Chart([f"Block {block}" for block in blocks], columns=3, height=190)
    for panel, block in enumerate(blocks):
        lines = [curve for name, curve in curves.items() if int(name.split()[1]) == block]
        known = run.curve_names(block)
        names = known if len(known) == len(lines) else [f"cell {cell + 1}" for cell in range(len(lines))]
        names = ["all cells"] if joint else names
        for cell, (name, curve) in enumerate(zip(names, lines, strict=True)):
            _draw(chart, panel, curve, name, color_of(cell))
        chart.x(panel, title="step", most_ticks=4)
        chart.y(panel, title="loss" if joint else "mean squared error", is_log=True)
        chart.key(names, panel)
    return chart


def _training(curves: Mapping[str, Curve]) -> Chart:
    order = sorted(curves, key=lambda stage: (stage != "teacher", stage))
    titles = [_title(stage) for stage in order]
    chart = Chart(titles, columns=3, height=170, share_y=True)
    for panel, (stage, title) in enumerate(zip(order, titles, strict=True)):
        _draw(chart, panel, curves[stage], title, color_of(0))
        chart.x(panel, title="step", most_ticks=4)
        chart.y(panel, title="cross-entropy (nats)", is_log=True)
    return chart


def _title(stage: str) -> str:
    kind, _, search = stage.partition("-")
    return {"teacher": "Teacher", "retrain": f"Search: {search}", "inherit": f"Inherited: {search}"}.get(kind, stage)


def _draw(chart: Chart, panel: int, curve: Curve, name: str, color: str) -> None:
    """Draw a curve thinly, and its running mean over it."""
    steps, means = curve.steps.tolist(), running_mean(curve.values).tolist()
    chart.add(Marks(x=steps, y=curve.values.tolist(), color=color, line=0.7, opacity=0.35), panel)
    chart.add(Marks(x=steps, y=means, color=color, line=2), panel)
