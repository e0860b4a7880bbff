"""A latency budget is kept by measuring the winner and tightening by the overshoot, at most five times."""

from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from helixnas.errors import InfeasibleBudgetError
from helixnas.pipeline.work.latency_budget import MAX_SEARCHES_AGAIN, LatencyCheck, keep_budget
from helixnas.space import Architecture, mbconv

SPACE = mbconv(
    cells=(((1, 8), (2, 8), (3, 8), (4, 8)),), strides=(2,), kernels=(3,), expansions=(3,), separable_width=0
)
NETWORKS = [SPACE.parse("8:" + ",".join(["mb3_k3"] * depth)) for depth in (1, 2, 3, 4)]


@dataclass(frozen=True)
class Found:
    architecture: Architecture
    predicted_ns: int


class Searches:
    """The largest network predicted under the limit wins; notes the limits."""

    def __init__(self, predicted: Mapping[int, int]) -> None:
        self.predicted = predicted
        self.limits: list[int] = []

    def __call__(self, limit: int) -> Found:
        self.limits.append(limit)
        fitting = [depth for depth, taken in self.predicted.items() if taken <= limit]
        if not fitting:
            raise InfeasibleBudgetError("nothing is so fast")
        return Found(NETWORKS[max(fitting) - 1], self.predicted[max(fitting)])


def meter(measured: Mapping[int, int]):
    return lambda architecture: measured[architecture.depth]


def test_a_winner_measured_within_the_budget_is_the_answer_at_once() -> None:
    search = Searches({1: 10, 2: 20, 3: 30})
    found, check = keep_budget(25, search, meter({2: 25}), runtime="r")
    assert (found.architecture.depth, search.limits, check.is_met) == (2, [25], True)
    assert check.text.endswith("is met")


def test_an_overshoot_tightens_the_limit_by_as_much() -> None:
    search = Searches({1: 10_000_000, 2: 20_000_000, 3: 30_000_000})
    found, check = keep_budget(35_000_000, search, meter({3: 36_000_000, 2: 24_000_000}), runtime="onnxruntime-cpu")
    assert search.limits == [35_000_000, 29_000_000]
    assert (found.architecture.depth, check.is_met) == (2, True)
    assert check.text == (
        "the winner takes 24 ms measured with onnxruntime-cpu, 20 ms predicted; the budget of 35 ms is met after "
        "searching again 1 time under tighter limits"
    )


def test_after_five_more_searches_the_fastest_is_kept_and_the_miss_is_told() -> None:
    predicted = {depth: 100 + depth for depth in (1, 2, 3, 4)}
    taken = iter([120, 119, 111, 118, 117, 116, 115])

    def search(limit: int) -> Found:
        limits.append(limit)
        return Found(NETWORKS[(len(limits) - 1) % 4], predicted[1])

    limits: list[int] = []
    found, check = keep_budget(110, search, lambda architecture: next(taken), runtime="r")
    assert len(limits) == len(check.rounds) == 1 + MAX_SEARCHES_AGAIN == 6
    assert (check.is_met, check.chosen, found.architecture.depth) == (False, 2, 3)
    assert "is NOT met after searching again 5 times under tighter limits; the fastest winner is kept" in check.text


def test_a_tightened_limit_that_nothing_meets_ends_the_search() -> None:
    search = Searches({2: 20, 3: 30})
    found, check = keep_budget(30, search, meter({3: 60, 2: 40}), runtime="r")
    assert search.limits == [30, 0]
    assert (found.architecture.depth, check.is_met, check.is_exhausted) == (3, False, True)
    assert check.text.endswith("is NOT met; no network is predicted to be faster still")


def test_a_budget_that_no_prediction_meets_is_infeasible_from_the_start() -> None:
    with pytest.raises(InfeasibleBudgetError):
        keep_budget(5, Searches({1: 10}), meter({}), runtime="r")


def test_without_the_device_the_prediction_stands_and_is_said_to_be_one() -> None:
    found, check = keep_budget(25, Searches({1: 10, 2: 20}), None, runtime="phone.csv")
    assert (found.architecture.depth, check.is_met, check.rounds) == (2, None, ())
    assert "predicted from phone.csv; the winner was not measured" in check.text


def test_a_check_is_plain_values() -> None:
    _, check = keep_budget(25, Searches({1: 10}), meter({1: 12}), runtime="r")
    assert check.to_dict() == {
        "asked_ns": 25,
        "runtime": "r",
        "rounds": ({"limit_ns": 25, "predicted_ns": 10, "measured_ns": 12},),
        "chosen": 0,
        "is_exhausted": False,
        "is_met": True,
        "text": check.text,
    }
    assert isinstance(check, LatencyCheck)
