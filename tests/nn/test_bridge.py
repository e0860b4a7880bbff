import pytest
import torch
import torch.nn.functional as F

from helixnas.errors import TeacherError
from helixnas.nn import Bridge, at_common_grid, pooled_to


@torch.no_grad()
def test_a_bridge_is_a_patch_convolution_of_the_finer_features() -> None:
    bridge, features = Bridge(3, 5, (2, 4), (4, 2)), torch.rand(2, 3, 8, 8)
    windows = F.unfold(features, (2, 4), stride=(2, 4))
    assert bridge.bias is not None
    expected = bridge.weight.flatten(1) @ windows + bridge.bias[:, None]
    assert torch.allclose(bridge(features).flatten(2), expected, atol=1e-6)


@torch.no_grad()
def test_a_pixel_of_the_own_grid_stands_for_its_whole_window() -> None:
    bridge, estimate = Bridge(3, 5, (2, 2), (4, 4)), torch.rand(2, 3, 4, 4)
    repeated = estimate.repeat_interleave(2, 2).repeat_interleave(2, 3)
    assert torch.allclose(bridge(estimate), bridge(repeated), atol=1e-6)


def test_the_finer_features_are_averaged_whichever_side_they_are_on() -> None:
    fine, coarse = torch.rand(2, 3, 8, 12), torch.rand(2, 3, 4, 4)
    pooled = fine.reshape(2, 3, 4, 2, 4, 3).mean((3, 5))
    for pair in (at_common_grid(fine, coarse), at_common_grid(coarse, fine)[::-1]):
        assert torch.allclose(pair[0], pooled)
        assert torch.equal(pair[1], coarse)


def test_features_of_one_grid_are_compared_as_they_are() -> None:
    first, second = torch.rand(2, 2, 3, 4, 5).unbind()
    found = at_common_grid(first, second)
    assert found[0] is first
    assert found[1] is second


def test_nothing_is_upsampled() -> None:
    coarse = torch.rand(1, 1, 2, 2)
    assert pooled_to(coarse, (4, 4)) is coarse


@pytest.mark.parametrize("other", [(14, 14), (8, 32), (16, 14)])
def test_grids_that_whole_windows_do_not_connect_are_refused_with_both(other: tuple[int, int]) -> None:
    message = rf"features of 16 x 16 and {other[0]} x {other[1]} pixels cannot be compared"
    with pytest.raises(TeacherError, match=message):
        at_common_grid(torch.zeros(1, 1, 16, 16), torch.zeros(1, 1, *other))


def test_gradients_reach_the_finer_estimate_of_a_coarser_target() -> None:
    estimate = torch.zeros(1, 1, 4, 4, requires_grad=True)
    F.mse_loss(*at_common_grid(estimate, torch.ones(1, 1, 2, 2))).backward()
    assert estimate.grad is not None
    assert torch.allclose(estimate.grad, torch.full((1, 1, 4, 4), -2 / 16))
