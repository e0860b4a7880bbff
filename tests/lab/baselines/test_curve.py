"""A curve of ratings: where its points are, what they tell, and that an interruption changes nothing but times."""

import copy
from dataclasses import asdict

import pytest

from helixnas.errors import ConfigError
from helixnas.lab.baselines.curve import moments_of


def untimed(points) -> list[dict[str, object]]:
    return [{name: value for name, value in asdict(point).items() if "seconds" not in name} for point in points]


@pytest.mark.parametrize("method", ["spos", "fairnas", "darts"])
def test_points_tell_scores_of_all_networks_and_growing_costs(make_job, method: str) -> None:
    job = make_job(method, num_epochs=2)
    records = list(job)
    assert records[-1].done == job.num_steps == len(records)
    first, last = job.points
    assert (first.epoch, last.epoch) == (1.0, 2.0)
    assert last.images_seen == 48
    assert 0 < first.seconds < last.seconds
    assert 0 <= first.core_seconds <= last.core_seconds
    kinds = {"log_probability"} if method == "darts" else {"loss", "accuracy"}
    assert set(last.scores) == kinds
    assert all(len(column) == 4 for column in last.scores.values())
    assert first.scores != last.scores


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spos", "darts"])
def test_a_job_taken_up_anywhere_ends_as_one_that_was_not_interrupted(make_job, method: str) -> None:
    whole = make_job(method, num_epochs=2)
    number, states, spent_by = 0, {}, {}
    for number, _ in enumerate(whole, start=1):
        if number in (1, whole.num_steps // 2 - 1, whole.num_steps // 2 + 1):
            states[number], spent_by[number] = copy.deepcopy(whole.state()), whole.trained_for.core_seconds
    for stop, state in states.items():
        resumed = make_job(method, num_epochs=2)
        resumed.restore(state)
        spent = spent_by[stop]
        assert sum(1 for _ in resumed) == number - stop
        assert untimed(resumed.points) == untimed(whole.points)
        assert resumed.trained_for.core_seconds >= spent


def test_more_points_than_steps_are_refused() -> None:
    with pytest.raises(ConfigError, match="cannot rate at 5 points: training has 4 steps; choose at most 4"):
        moments_of(4, 5)
