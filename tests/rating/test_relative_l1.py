import math

import pytest
import torch

from helixnas.rating import relative_l1
from helixnas.rating.relative_l1 import RelativeL1, mean_absolute_error, spread


def test_perfect_prediction_scores_zero() -> None:
    target = torch.randn(2, 3, 4, 4)
    assert relative_l1(target, target).item() == 0


def test_score_is_the_mean_error_over_the_spread_of_the_whole_batch() -> None:
    target = torch.tensor([0.0, 2.0, 4.0, 6.0]).reshape(2, 1, 1, 2)
    prediction = torch.tensor([1.0, 2.0, 4.0, 3.0]).reshape(2, 1, 1, 2)
    assert relative_l1(prediction, target).item() == pytest.approx((1 + 3) / (4 * math.sqrt(5)))


def test_constant_prediction_of_the_mean_of_normal_features_scores_the_mean_absolute_deviation() -> None:
    target = torch.randn(64, 16, 8, 8, generator=torch.Generator().manual_seed(0)) * 7 + 3
    score = relative_l1(torch.full_like(target, 3.0), target).item()
    assert score == pytest.approx(math.sqrt(2 / math.pi), rel=0.01)


def test_score_is_unchanged_when_features_are_rescaled() -> None:
    prediction, target = torch.randn(2, 2, 3, 4, 4).unbind()
    score = relative_l1(prediction, target).item()
    for factor in (0.01, 3.0, 1000.0):
        assert relative_l1(factor * prediction, factor * target).item() == pytest.approx(score, rel=1e-5)


def test_score_is_unchanged_when_features_are_shifted() -> None:
    prediction, target = torch.randn(2, 2, 3, 4, 4).unbind()
    shifted = relative_l1(prediction + 5, target + 5).item()
    assert shifted == pytest.approx(relative_l1(prediction, target).item(), rel=1e-4)


def test_score_does_not_depend_on_the_order_of_images() -> None:
    prediction, target = torch.randn(2, 6, 3, 4, 4).unbind()
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    assert relative_l1(prediction[order], target[order]).item() == pytest.approx(
        relative_l1(prediction, target).item(), rel=1e-6
    )


def test_features_of_low_precision_are_compared_in_float32() -> None:
    prediction, target = torch.randn(2, 2, 3, 4, 4).bfloat16().unbind()
    score = relative_l1(prediction, target)
    assert score.dtype == torch.float32
    assert torch.equal(score, mean_absolute_error(prediction, target) / spread(target))


def test_inputs_are_left_as_they_were() -> None:
    prediction, target = torch.randn(2, 2, 3, 4, 4).unbind()
    before = prediction.clone(), target.clone()
    relative_l1(prediction, target)
    assert torch.equal(prediction, before[0])
    assert torch.equal(target, before[1])


def test_features_of_different_grids_are_scored_at_the_coarser_one() -> None:
    fine, coarse = torch.randn(2, 3, 8, 8), torch.randn(2, 3, 4, 4)
    pooled = fine.reshape(2, 3, 4, 2, 4, 2).mean((3, 5))
    assert RelativeL1(fine)(coarse).item() == pytest.approx(relative_l1(coarse, pooled).item(), rel=1e-5)
    assert RelativeL1(coarse)(fine).item() == pytest.approx(relative_l1(pooled, coarse).item(), rel=1e-5)


def test_paths_of_one_grid_get_exactly_their_own_score() -> None:
    first, second, target = torch.randn(3, 2, 3, 4, 4).unbind()
    score = RelativeL1(target)
    for prediction in (first, second, first):
        assert torch.equal(score(prediction), relative_l1(prediction, target))
