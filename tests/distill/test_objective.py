import pytest
import torch

from helixnas.distill import feature_loss, feature_objective


def test_loss_is_the_squared_norm_of_the_difference_over_its_elements() -> None:
    target = torch.zeros(2, 3, 4, 5)
    prediction = target.clone()
    prediction[0, 0, 0, 0], prediction[1, 2, 3, 4] = 6.0, -2.0
    assert feature_loss(prediction, target).item() == pytest.approx((36 + 4) / (2 * 3 * 4 * 5))


def test_loss_of_a_perfect_student_is_zero() -> None:
    target = torch.randn(2, 3, 4, 4)
    assert feature_loss(target, target).item() == 0


def test_loss_grows_with_the_square_of_the_scale() -> None:
    prediction, target = torch.randn(2, 2, 3, 4, 4).unbind()
    assert feature_loss(3 * prediction, 3 * target).item() == pytest.approx(
        9 * feature_loss(prediction, target).item(), rel=1e-5
    )


def test_loss_is_float32_whatever_the_precision_of_the_features() -> None:
    prediction, target = torch.full((1, 1, 2, 2), 300.0).half(), torch.full((1, 1, 2, 2), -300.0).half()
    loss = feature_loss(prediction, target)
    assert loss.dtype == torch.float32
    assert loss.item() == 360_000  # more than half precision can hold


def test_feature_objective_holds_each_student_to_its_blocks_target() -> None:
    features = [torch.full((1, 1, 2, 2), value) for value in (1.0, 2.0, 5.0)]
    students = [lambda x: x + 1, lambda x: x + 2, lambda x: x + 3]
    assert [loss.item() for loss in feature_objective(2)(students, [features])] == [4, 1, 0]
    assert [loss.item() for loss in feature_objective(1)(students, [features])] == [0, 1, 4]


def test_feature_objective_takes_a_single_view() -> None:
    features = [torch.zeros(1, 1, 2, 2)] * 2
    with pytest.raises(ValueError, match="too many values"):
        next(feature_objective(1)([lambda x: x], [features, features]))


def test_feature_objective_compares_at_the_coarser_grid() -> None:
    fine = torch.tensor([1.0, 3.0, 5.0, 7.0]).reshape(1, 1, 2, 2)  # its mean is 4
    students = [lambda x: torch.full((1, 1, 1, 1), 1.0)]
    (loss,) = feature_objective(1)(students, [[torch.zeros(1, 1, 2, 2), fine]])
    assert loss.item() == 9
    (loss,) = feature_objective(1)([lambda x: fine], [[torch.zeros(1, 1, 2, 2), torch.zeros(1, 1, 1, 1)]])
    assert loss.item() == 16
