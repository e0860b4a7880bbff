"""List schedules in closed form: optimal where jobs are equal, never above Graham's bound, never below the two lower bounds."""

import itertools

import numpy as np
import pytest

from helixnas.errors import ConfigError
from helixnas.jobs.schedule import lanes, list_schedule, makespan


@pytest.mark.parametrize(
    ("number", "workers", "rounds"), [(6, 1, 6), (6, 2, 3), (6, 4, 2), (6, 6, 1), (6, 64, 1), (0, 3, 0)]
)
def test_equal_jobs_take_as_many_rounds_as_they_must(number: int, workers: int, rounds: int) -> None:
    assert makespan([2.5] * number, workers) == 2.5 * rounds


def test_the_known_worst_case_of_two_workers_reaches_grahams_bound() -> None:
    jobs = [3.0, 3.0, 2.0, 2.0, 2.0]  # the shortest schedule: 3 + 3 beside 2 + 2 + 2
    assert makespan(jobs, 2) == 7.0
    assert pytest.approx(7.0) == 6 * (4 / 3 - 1 / (3 * 2))


def test_no_schedule_is_below_its_bounds_or_above_grahams() -> None:
    rng = np.random.default_rng(0)
    for workers in (2, 3):
        for _ in range(20):
            jobs = rng.integers(1, 20, 6).astype(float).tolist()
            shortest = min(
                max(
                    sum(job for job, where in zip(jobs, place, strict=True) if where == worker)
                    for worker in range(workers)
                )
                for place in itertools.product(range(workers), repeat=len(jobs))
            )
            found = makespan(jobs, workers)
            assert max(max(jobs), sum(jobs) / workers) <= found
            assert shortest <= found <= (4 / 3 - 1 / (3 * workers)) * shortest


def test_every_job_runs_once_and_no_worker_does_two_at_a_time() -> None:
    jobs = {f"job-{number}": float(1 + number % 5) for number in range(17)}
    placed = list_schedule(jobs, 4)
    assert {one.job: one.end - one.begin for one in placed} == jobs
    for worker in range(4):
        own = [(one.begin, one.end) for one in placed if one.worker == worker]
        assert all(before[1] == after[0] for before, after in itertools.pairwise(own))
        assert own[0][0] == 0.0


def test_a_schedule_needs_a_worker() -> None:
    with pytest.raises(ConfigError, match="a schedule needs at least 1 worker, not 0"):
        list_schedule({"a": 1.0}, 0)


def test_lanes_are_as_many_as_spans_overlap_at_most() -> None:
    assert lanes([]) == []
    assert lanes([(0.0, 1.0), (1.0, 2.0), (2.0, 3.0)]) == [0, 0, 0]
    spans = [(5.0, 9.0), (0.0, 6.0), (1.0, 3.0), (3.0, 8.0)]
    assert lanes(spans) == [2, 0, 1, 1]
