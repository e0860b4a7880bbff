"""The chart of workers: a bar per attempt, in its place, its lane and its colour."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.report.elements.colors import GREY, color_of
from helixnas.report.reading import read_run
from helixnas.report.workers.gantt import gantt, num_lanes
from helixnas.report.workers.measured import StageJobs, stage_jobs

Make = Callable[..., Any]


def test_every_attempt_has_its_bar(worked: Any) -> None:
    chart = gantt(stage_jobs(read_run(worked.folder)))
    distill, rate = chart.panels()
    assert (distill.title, rate.title) == ("Distillation", "Rating")
    first, second, third = (shape for shape in distill.shapes if shape.kind == "bar")
    assert (first.x, first.x2) == (0.0, pytest.approx(100 * 70 / 150, abs=0.4))
    assert (second.x, second.x2) == (0.0, pytest.approx(100 * 60 / 150, abs=0.4))
    assert third.x == pytest.approx(100 * 60 / 150)
    assert (first.color, second.color, third.color) == (color_of(0), GREY, color_of(1))
    assert (
        first.y == third.y - second.y + first.y or second.y == third.y
    )  # the job went on in the lane of the lost worker
    assert [shape.title for shape in distill.shapes if shape.kind == "bar"] == [
        "distill-1: done, 1 min 10 s, process 7 on here",
        "distill-2: lost, 1 min 0 s, process 6 on here",
        "distill-2: done, 1 min 30 s, process 7 on here",
    ]
    assert [name for name, _ in distill.key] == ["block 1", "block 2", "attempt that did not finish"]
    assert [name for name, _ in rate.key] == ["block 1", "block 2"]
    assert distill.horizontal.title == "minutes after the first job began"


def test_bars_lie_inside_the_panel_and_do_not_overlap(worked: Any) -> None:
    for panel in gantt(stage_jobs(read_run(worked.folder))).panels():
        bars = [shape for shape in panel.shapes if shape.kind == "bar"]
        assert all(0 <= bar.x <= bar.x2 <= 100 and 0 <= bar.y < bar.y2 <= 100 for bar in bars)
        for place, one in enumerate(bars):
            assert not any(one.y == other.y and one.x < other.x2 and other.x < one.x2 for other in bars[place + 1 :])


def test_machines_have_lanes_of_their_own_and_many_lanes_few_labels(lease: Make, lost: Make) -> None:
    apart = [lease("rate-1", 0, 10), lease("rate-2", 10, 20, host="there")]
    assert num_lanes(apart) == 2
    assert num_lanes([lease("rate-1", 10, 20, lost(0, 10))]) == 1
    many = tuple(lease(f"rate-{number}", 0, 10) for number in range(1, 65))
    (panel,) = gantt([StageJobs("rate", many, {})]).panels()
    assert len(panel.vertical.ticks) <= 12
    assert panel.height <= 420


def test_networks_of_calibration_have_one_colour(lease: Make) -> None:
    leases = (lease("calibrate-1", 0, 10), lease("calibrate-2", 0, 12))
    (panel,) = gantt([StageJobs("calibrate", leases, {})]).panels()
    assert list(panel.key) == [("network", color_of(0))]
    assert {shape.color for shape in panel.shapes if shape.kind == "bar"} == {color_of(0)}
