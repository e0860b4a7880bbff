"""The winner against the runners-up, on the same images."""

import math

import numpy as np
import pytest
from scipy import stats

from helixnas.artifacts import RatingTable
from helixnas.search import compare


def table(block: int, previous: list[int], paths: list[str], scores: np.ndarray, sizes: list[int]) -> RatingTable:
    return RatingTable(
        block=block,
        previous_width=np.array(previous),
        path=tuple(paths),
        width=np.array([int(path.split(":")[0]) for path in paths]),
        batch_sizes=np.array(sizes),
        scores={"relative_l1": scores},
    )


def test_equal_batches_give_the_standard_error_of_a_paired_comparison() -> None:
    scores = np.random.default_rng(0).normal(size=(2, 9))
    (found,) = compare("8:a", ["8:b"], [table(1, [4, 4], ["8:a", "8:b"], scores, [5] * 9)], first_width=4)
    difference = scores[1] - scores[0]
    assert found.difference == pytest.approx(difference.mean())
    assert found.standard_error == pytest.approx(stats.sem(difference))
    assert found.standard_errors == pytest.approx(stats.ttest_rel(scores[1], scores[0]).statistic)


def test_luck_that_both_share_does_not_blur_the_comparison() -> None:
    luck = np.random.default_rng(0).normal(size=6)
    ratings = [table(1, [4, 4], ["8:a", "8:b"], np.stack([luck, luck + 0.5]), [3] * 6)]
    (found,) = compare("8:a", ["8:b"], ratings, first_width=4)
    assert found.difference == pytest.approx(0.5)
    assert found.standard_error == pytest.approx(0, abs=1e-12)


def test_scores_follow_the_width_chosen_before_and_the_weights_of_the_blocks() -> None:
    first = table(1, [4, 4], ["8:a", "16:a"], np.array([[1.0, 1.0], [2.0, 2.0]]), [1, 1])
    second = table(2, [8, 16], ["8:a", "8:a"], np.array([[10.0, 10.0], [30.0, 30.0]]), [1, 1])
    (found,) = compare("8:a 8:a", ["16:a 8:a"], [first, second], first_width=4, weights=(2.0, 0.5))
    assert found.difference == 2.0 * (2 - 1) + 0.5 * (30 - 10)


def test_larger_batches_weigh_more() -> None:
    ratings = [table(1, [4, 4], ["8:a", "8:b"], np.array([[0.0, 0.0], [1.0, 5.0]]), [3, 1])]
    (found,) = compare("8:a", ["8:b"], ratings, first_width=4)
    assert found.difference == 2.0


def test_scores_that_are_the_same_on_all_batches_tell_no_error() -> None:
    once = table(1, [4, 4], ["8:a", "8:b"], np.array([[0.1] * 3, [0.3] * 3]), [3] * 3)
    (found,) = compare("8:a", ["8:b"], [once], first_width=4)
    assert found.difference == pytest.approx(0.2)
    assert math.isnan(found.standard_error)
    rated = table(2, [8, 8], ["8:a", "8:b"], np.array([[0.1, 0.2, 0.3], [0.2, 0.2, 0.2]]), [3] * 3)
    (mixed,) = compare("8:a 8:a", ["8:b 8:b"], [once, rated], first_width=4)
    assert mixed.standard_error > 0


def test_one_batch_tells_no_error() -> None:
    ratings = [table(1, [4, 4], ["8:a", "8:b"], np.array([[0.0], [1.0]]), [3])]
    (found,) = compare("8:a", ["8:b"], ratings, first_width=4)
    assert math.isnan(found.standard_error)
    assert math.isnan(found.standard_errors)
