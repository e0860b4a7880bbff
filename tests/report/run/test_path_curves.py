"""Learning curves of paths: a line per path from moment to moment, and how far their order is kept."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.rating_table import RatingTable
from helixnas.report.elements.colors import INK
from helixnas.report.reading import RunFiles, read_run
from helixnas.report.run import path_curves as module
from helixnas.report.run.path_curves import curves_of, path_curves
from helixnas.report.run.scores import scores_section


def earlier(table: RatingTable, factor: float) -> RatingTable:
    """Return a table whose scores are those of the given one, times a factor."""
    return replace(table, scores={name: factor * table.batches(name) for name in table.scores})


@pytest.fixture
def run(finished: Any) -> RunFiles:
    """Return a run whose paths were rated twice, first with twice the score."""
    found = read_run(finished.folder)
    return replace(found, moments=(tuple(earlier(each, 2) for each in found.ratings), found.ratings))


def test_there_are_no_curves_where_paths_were_rated_once(finished: Any) -> None:
    found = read_run(finished.folder)
    assert path_curves(found) is None
    assert "Learning curves of paths" not in scores_section(found).body


def test_every_path_has_a_line_through_its_scores_at_all_moments(run: RunFiles) -> None:
    chart = path_curves(run)
    for table, marks in zip(run.ratings, chart.marks, strict=True):
        lines = [each for each in marks if each.color != INK]
        paths = set(zip(table.width.tolist(), table.path, strict=True))
        assert len(lines) == len(paths)
        assert all(each.x == [0.5, 1.0] for each in marks)
        assert all(each.y[0] == pytest.approx(2 * each.y[1]) for each in marks)
    assert all(title.endswith("order kept: tau 1.00") for title in chart.titles)
    assert "Learning curves of paths" in scores_section(run).body


def test_the_line_of_a_chosen_path_ends_at_its_mean_score(run: RunFiles) -> None:
    search = run.searches[0]
    for block, marks in enumerate(path_curves(run).marks):
        path, table = search.architecture.paths[block], run.ratings[block]
        rows = [row for row in range(len(table)) if (table.width[row], table.path[row]) == (path.width, path.text)]
        chosen = next(each for each in marks if each.color == INK)
        assert chosen.y[-1] == pytest.approx(np.mean(table.mean()[rows]))
        assert chosen.titles[-1].startswith(f"{search.name}, {path.text}: ")


def test_an_order_that_turns_round_is_told(run: RunFiles) -> None:
    turned = replace(run, moments=(tuple(earlier(each, -1) for each in run.ratings), run.ratings))
    assert all(title.endswith("order kept: tau \u22121.00") for title in path_curves(turned).titles)


def test_of_many_paths_some_are_drawn_the_best_and_the_worst_among_them(
    run: RunFiles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 3)
    for tables, marks in zip(zip(*run.moments, strict=True), path_curves(run).marks, strict=True):
        last = [scores[-1] for scores in curves_of(tables).values()]
        ends = [each.y[-1] for each in marks if each.color != INK]
        assert len(ends) == 3
        assert (ends[0], ends[-1]) == (min(last), max(last))
