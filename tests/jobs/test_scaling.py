"""Scaling from measured jobs: times of other sizes in closed form, and what bounds them."""

from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.jobs.scaling import WORKERS, JobSizes, by_size, simulate

MACS = {
    "block": {"rate-1": 14.0, "rate-2": 30.0},
    "cell": {"rate-1-cell-1": 8.0, "rate-1-cell-2": 10.0, "rate-2-cell-1": 30.0},
}
"""Of a teacher of 4: blocks of cells of 4 and 6, and of one of 26."""


def test_jobs_of_another_size_are_shares_of_their_block_with_the_teacher_in_each() -> None:
    found = by_size({"rate-1": 7.0, "rate-2": 90.0}, MACS)
    assert found["block"] == {"rate-1": 7.0, "rate-2": 90.0}
    assert found["cell"] == {"rate-1-cell-1": 4.0, "rate-1-cell-2": 5.0, "rate-2-cell-1": 90.0}
    assert sum(found["cell"].values()) > sum(found["block"].values())


def test_larger_jobs_follow_from_smaller_ones_and_measured_ones_keep_their_time() -> None:
    found = by_size({"rate-1-cell-1": 9.0, "rate-1-cell-2": 9.0, "rate-2-cell-1": 5.0}, MACS)
    assert found["block"] == {"rate-1": 14.0, "rate-2": 5.0}
    assert found["cell"]["rate-1-cell-1"] == 9.0


def test_sizes_that_divide_no_further_or_lack_a_measured_block_are_left_out() -> None:
    assert list(by_size({"rate-1": 1.0, "rate-2": 1.0}, {**MACS, "prefix": MACS["cell"]})) == ["block", "cell"]
    assert by_size({"rate-1": 1.0}, MACS) == {}
    assert by_size({"rate-1": 1.0, "other": 2.0}, {}) == {}


def test_stages_follow_one_another_and_their_longest_jobs_bound_them() -> None:
    found = simulate("block", [{"a": 4.0, "b": 2.0, "c": 2.0}, {"d": 3.0, "e": 1.0}])
    assert [found.makespans[number] for number in (1, 2, 4, 64)] == [12.0, 7.0, 7.0, 7.0]
    assert found.longest == 7.0
    assert tuple(found.makespans) == WORKERS
    assert found.efficiency(2, 12.0) == pytest.approx(12 / 14)


def test_sizes_of_jobs_are_kept_in_a_file_of_the_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    JobSizes(stage="rate", macs=MACS).save(JobSizes.file(folder, "rate"))
    assert JobSizes.load(JobSizes.file(folder, "rate")) == JobSizes(stage="rate", macs=MACS)
