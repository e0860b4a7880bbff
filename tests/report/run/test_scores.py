"""Distribution of scores: every rated path is counted once, chosen paths stand where they were rated."""

from dataclasses import replace
from typing import Any

import numpy as np

from helixnas.report.reading import read_run
from helixnas.report.run import scores


def test_bars_count_every_row_of_the_tables(finished: Any) -> None:
    rows = sum(len(table) for table in read_run(finished.folder).ratings)
    bars = [each for panel in scores._histograms(read_run(finished.folder)).bars for each in panel]
    assert sum(int(np.sum(each.top) - np.sum(each.bottom)) for each in bars) == rows


def test_axis_and_caption_name_the_score_that_searches_add_up(finished: Any) -> None:
    run = read_run(finished.folder)
    assert "their score, relative L1 (Eq. 7), without unit" in " ".join(scores.scores_section(run).body.split())
    tables = tuple(replace(table, scores={"final_l1": table.batches()}) for table in run.ratings)
    other = scores.scores_section(replace(run, ratings=tables)).body
    assert "their score, final_l1, without unit" in " ".join(other.split())
    assert "relative L1" not in other


def test_a_marker_stands_at_the_score_after_the_width_that_was_chosen_before(finished: Any) -> None:
    run = read_run(finished.folder)
    paths = run.searches[0].architecture.paths
    expected = run.ratings[1].mean()[run.ratings[1].row(paths[0].width, paths[1].text)]
    assert scores._histograms(run).marks[1][0].x == [expected]
