"""Simulated scaling of a run's jobs: closed form of two blocks, and what is said of it."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.jobs.scaling import WORKERS
from helixnas.report.reading import read_run
from helixnas.report.workers.measured import StageJobs, stage_jobs
from helixnas.report.workers.simulation import scaling_of

Make = Callable[..., Any]


def test_the_table_holds_every_number_of_workers_and_the_longest_jobs(worked: Any) -> None:
    found = scaling_of(stage_jobs(read_run(worked.folder)))
    assert found is not None
    assert found.head == ["workers", "by block", "by cell"]
    assert found.work == 250.0
    cells = 70 * 18 / 14 + 150 * 34 / 30 + 30  # rating keeps its jobs, whose sizes are not known
    assert found.rows[0] == ["1", "4.17 (100 %)", f"{cells / 60:.3g} ({100 * 250 / cells:.0f} %)"]
    assert found.rows[1][1] == f"{170 / 60:.3g} ({100 * 250 / 340:.0f} %)"
    assert found.rows[-1] == ["longest jobs", f"{170 / 60:.3g}", f"{(150 * 17 / 30 + 20) / 60:.3g}"]
    assert [row[0] for row in found.rows[:-1]] == [str(number) for number in WORKERS]
    assert found.unit == "minutes"


def test_smaller_jobs_scale_further_and_cost_more_in_total(lease: Make, macs: dict[str, dict[str, float]]) -> None:
    stage = StageJobs("distill", (lease("distill-1", 0, 140), lease("distill-2", 0, 300)), macs)
    found = scaling_of([stage])
    assert found is not None
    block, cell = found.sizes
    assert (block.makespans[1], cell.makespans[1]) == (440.0, 520.0)
    assert (block.makespans[64], cell.makespans[64]) == (300.0, 170.0)
    assert cell.efficiency(1, found.work) == pytest.approx(440 / 520)
    assert found.verdict.startswith("One worker needs 7 min 20 s. Up to 2 workers are used to at least 70 %")
    assert "no number of workers goes below" in found.verdict
    speeds = [marks.y[-1] for marks in found.chart().marks[0]]
    assert speeds == [64.0, pytest.approx(440 / 300), pytest.approx(440 / 170)]


def test_jobs_of_unknown_sizes_are_simulated_as_they_ran(lease: Make) -> None:
    found = scaling_of([StageJobs("calibrate", (lease("calibrate-1", 0, 60), lease("calibrate-2", 0, 60)), {})])
    assert found is not None
    assert found.head == ["workers", "as run"]
    assert found.rows[1] == ["2", "1 (100 %)"]
    assert "are used to at least 70 %, and then take 1 min 0 s" in found.verdict


def test_jobs_that_are_not_done_are_not_simulated(lease: Make) -> None:
    assert scaling_of([StageJobs("distill", (lease("distill-1", 0, 1, state="failed"),), {})]) is None
    assert scaling_of([]) is None
