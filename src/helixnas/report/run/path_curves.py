"""Learning curves of paths: the score of every path at each moment of distillation (`distill.num_moments`).

The loss curve of a cell mixes its paths. These curves show which paths learn slower than others, and which are overtaken.
"""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import correlations
from helixnas.artifacts.rating_table import RatingTable
from helixnas.report.elements.charts import Chart
from helixnas.report.elements.colors import INK, color_of
from helixnas.report.elements.marks import Marks
from helixnas.report.elements.wording import name_of, signed
from helixnas.report.reading import RunFiles

MOST_LINES = 60
"""Paths of a block that are drawn, at equal distances from the best to the worst at the end."""

Curves = Mapping[tuple[int, str], npt.NDArray[np.float64]]
"""Score per moment, by output width and path."""


def curves_of(moments: tuple[RatingTable, ...]) -> Curves:
    """Return the scores of every path of a block at its moments, best at the end first; means over the widths it may receive.

    The score is the first of the tables, lower is better.

    >>> def table(*score: float) -> RatingTable:
    ...     values = np.array([[float(each)] for each in score])
    ...     one = {"block": 1, "previous_width": np.array([8, 16, 8, 16]), "width": np.array([8, 8, 8, 8])}
    ...     return RatingTable(
    ...         **one, path=("a", "a", "b", "b"), batch_sizes=np.array([4]), scores={"relative_l1": values}
    ...     )
    >>> {path: scores.tolist() for (_, path), scores in curves_of((table(3, 4, 5, 6), table(2, 3, 1, 2))).items()}
    {'b': [5.5, 1.5], 'a': [3.5, 2.5]}
    """
    rows = dict[tuple[int, str], list[int]]()
    for row, key in enumerate(zip(moments[-1].width.tolist(), moments[-1].path, strict=True)):
        rows.setdefault(key, []).append(row)
    means = [table.mean() for table in moments]
    curves = {key: np.array([float(mean[found].mean()) for mean in means]) for key, found in rows.items()}
    return dict(sorted(curves.items(), key=lambda item: item[1][-1]))


def path_curves(run: RunFiles) -> Chart | None:
    """Return a panel per block with a line per path; None where paths were rated at one moment only."""
    if not run.moments:
        return None
    blocks = [curves_of(tables) for tables in zip(*run.moments, strict=True)]
    titles = [f"Block {number}{_order_kept(curves)}" for number, curves in enumerate(blocks, 1)]
    chart = Chart(titles, columns=3, height=190)
    number = len(run.moments)
    steps = [1 / 2 ** (number - 1 - moment) for moment in range(number)]
    for panel, curves in enumerate(blocks):
        keys = list(curves)
        shown = sorted({round(each) for each in np.linspace(0, len(keys) - 1, min(MOST_LINES, len(keys)))})
        cells = list(dict.fromkeys((width, path.count(",")) for width, path in zip(*_columns(run, panel), strict=True)))
        for each in shown:
            width, path = keys[each]
            color = color_of(cells.index((width, path.count(","))))
            chart.add(Marks(x=steps, y=curves[keys[each]].tolist(), color=color, line=0.9, opacity=0.5), panel)
        for search in run.searches:
            if len(search.architecture.paths) == len(blocks):
                chosen = search.architecture.paths[panel]
                line = curves[chosen.width, chosen.text].tolist()
                texts = [f"{search.name}, {chosen.text}: {value:.4f}" for value in line]
                chart.add(Marks(x=steps, y=line, color=INK, line=2, size=5, titles=texts), panel)
        chart.x(panel, title="share of the steps", ticks=_ticks(steps))
        chart.y(panel, title=name_of(next(iter(run.ratings[panel].scores))))
    return chart


def _columns(run: RunFiles, panel: int) -> tuple[list[int], tuple[str, ...]]:
    table = run.ratings[panel]
    return table.width.tolist(), table.path


def _ticks(steps: list[float]) -> dict[float, str]:
    return {step: "all" if step == 1 else f"1/{round(1 / step)}" for step in steps}


def _order_kept(curves: Curves) -> str:
    """Return how far paths keep their order from the first moment to the last, as the end of a title."""
    values = np.array(list(curves.values()))
    if len(values) < 3:
        return ""
    return f", order kept: tau {signed(correlations(values[:, 0], values[:, -1]).kendall)}"
