"""Intervals of accuracies and of paired differences: closed forms, and how often they hold the truth."""

import math

import numpy as np
import pytest

from helixnas.experiments.comparison_intervals import accuracy_of, difference_of, training_spread
from helixnas.report.elements.intervals import wilson_interval


def answers(*trainings: str) -> np.ndarray:
    """Return trainings x images from texts of 0 and 1."""
    return np.array([[digit == "1" for digit in text] for text in trainings])


def test_one_training_has_wilsons_interval() -> None:
    found = accuracy_of(answers("11010"), spread=0.0)
    assert found.value == pytest.approx(0.6)
    assert found.interval == pytest.approx(wilson_interval(0.6, 5))


def test_a_paired_difference_is_that_of_bonett_and_price() -> None:
    """Their adjusted Wald interval, from the counts of images that only one of two networks has right."""
    only_own, only_winner, number = 3, 1, 10
    found = difference_of(answers("1110" + "1" * 6), answers("0001" + "1" * 6), spread=0.0)
    first, second = (only_own + 1) / (number + 2), (only_winner + 1) / (number + 2)
    error = math.sqrt((first + second - (first - second) ** 2) / (number + 2))
    assert found.value == pytest.approx(0.2)
    middle, reach = found.value, 1.959964 * error
    assert found.interval[1] - found.interval[0] == pytest.approx(2 * reach, rel=0.01)
    assert sum(found.interval) / 2 == pytest.approx(middle)


def test_networks_with_the_same_answers_to_few_images_are_not_certainly_equal() -> None:
    found = difference_of(answers("1101"), answers("1101"), spread=0.0)
    assert found.value == 0.0
    assert found.interval[1] > 0.1


def test_the_spread_of_trainings_is_pooled_and_widens_both() -> None:
    nets = [answers("1100", "1000"), answers("1111", "1110"), answers("1000")]
    spread = training_spread(nets)
    deviation = math.sqrt(2 * 2 * 0.125**2 / 2)
    assert spread == pytest.approx(4.302653 * deviation)  # Student's t with 2 degrees of freedom
    wide, narrow = (difference_of(nets[1], nets[0], spread=each) for each in (spread, 0.0))
    assert wide.value == narrow.value
    assert wide.interval[0] < narrow.interval[0]
    assert accuracy_of(nets[0], spread=spread).interval[0] <= accuracy_of(nets[0], spread=0.0).interval[0]


def test_intervals_hold_a_true_difference_of_zero_nineteen_times_in_twenty() -> None:
    rng, hits, number = np.random.default_rng(0), 0, 200
    for _ in range(number):
        skill = rng.normal(0.2, 0.02, (4, 2, 1))  # of 4 equal networks, trained twice
        right = np.clip(rng.random(300) + skill, 0, 1) > rng.random((4, 2, 300))
        found = difference_of(right[1], right[0], spread=training_spread(list(right)))
        hits += found.interval[0] <= 0 <= found.interval[1]
    assert hits / number >= 0.93
