"""Both ways of training side by side, in figures, in a sentence and in a chart."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from helixnas.report.reading import Search, read_run
from helixnas.report.run.inheritance import inheritance_section, ratio_text


@pytest.fixture
def search(begin: Callable[..., Any]) -> Search:
    run = begin()
    run.search("small", [])
    run.retrain("small")
    run.inherit("small")
    return read_run(run.folder).searches[0]


def test_a_run_without_inheritance_has_no_section(begin: Callable[..., Any]) -> None:
    assert inheritance_section(read_run(begin().folder)) is None


def test_both_ways_and_the_head_alone_stand_side_by_side(begin: Callable[..., Any], search: Search) -> None:
    body = inheritance_section(read_run(begin().folder)).body
    rows = [row.partition("</tr>")[0] for row in body.split("<tr>") if "<td" in row]
    assert [("from scratch" in row, "50.00 %" in row) for row in rows] == [(True, True), (False, False), (False, False)]
    assert "60.00 %" in rows[1]
    assert "40.00 %" in rows[2]
    assert "the new head alone fitted" in rows[2]
    assert 'id="chart-inheritance"' in body


def test_the_epochs_until_fine_tuning_has_caught_up_are_told_as_a_share(search: Search) -> None:
    assert ratio_text(search) == (
        "small: fine-tuning reaches the 50.0 % that 4 epochs from scratch reach after 2 (50 % of the epochs)."
    )


def test_fine_tuning_that_stays_below_says_so(search: Search) -> None:
    below = replace(search, inherited={**search.inherited, "accuracy_by_epoch": [0.2, 0.45]})
    assert ratio_text(below) == (
        "small: 2 epochs of fine-tuning end at 45.0 %, below the 50.0 % that 4 epochs from scratch reach."
    )


def test_without_training_from_scratch_nothing_is_compared(search: Search) -> None:
    assert ratio_text(replace(search, metrics={})) == ""
