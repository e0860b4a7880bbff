import math
from typing import Any

import pytest
import torch

from helixnas.distill.collapse import effective_rank, look
from helixnas.distill.config import CollapseConfig
from helixnas.distill.vicreg import covariance_penalty


def noise(batch: int = 200, dimensions: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(batch, dimensions, generator=torch.Generator().manual_seed(seed))


def test_effective_rank_counts_equal_directions() -> None:
    z = torch.cat([torch.eye(5), -torch.eye(5)])
    assert effective_rank(z) == pytest.approx(5)
    assert effective_rank(7 * z + 3) == pytest.approx(5)


def test_effective_rank_of_unequal_directions_is_the_entropy_written_out() -> None:
    z = torch.tensor([[3.0, 0.0], [-3.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    expected = math.exp(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))
    assert effective_rank(z) == pytest.approx(expected)


def test_effective_rank_of_copies_of_one_dimension_is_1_and_of_a_point_0() -> None:
    assert effective_rank(noise(dimensions=1).expand(-1, 8)) == pytest.approx(1, abs=1e-4)
    assert effective_rank(torch.ones(10, 4)) == 0


def test_a_look_reports_every_side_and_finds_healthy_embeddings_healthy() -> None:
    sides = {"teacher": [noise()], "student": [2 * noise(seed=1)]}
    health = look(3, sides, step=50, config=CollapseConfig())
    assert health.failure == ""
    assert len(health.signs) == 6
    for side, (z,) in sides.items():
        assert health.signs[f"block 3 {side} spread"] == pytest.approx(z.std(0).mean().item())
        assert health.signs[f"block 3 {side} effective rank"] == effective_rank(z)
        assert health.signs[f"block 3 {side} covariance"] == pytest.approx(covariance_penalty(z).item())


def test_embeddings_of_too_little_spread_stop_the_block_with_the_figure_and_the_setting() -> None:
    health = look(2, {"teacher": [noise()], "student": [0.05 * noise()]}, step=50, config=CollapseConfig())
    spread = (0.05 * noise()).std(0).mean().item()
    assert health.failure == (
        f"the embeddings of block 2's student side have collapsed in step 50: their mean standard deviation is {spread:.3g}, "
        "below distill.collapse.min_spread=0.1"
    )
    assert look(2, {"student": [0.05 * noise()]}, step=50, config=CollapseConfig(min_spread=0.0)).failure == ""


def test_embeddings_whose_dimensions_repeat_each_other_stop_the_block() -> None:
    copies = noise(dimensions=1).expand(-1, 100) + 1e-4 * noise(dimensions=100)
    failure = look(1, {"teacher": [copies]}, step=100, config=CollapseConfig()).failure
    assert "block 1's teacher side" in failure
    assert "their effective rank is 1.0" in failure
    assert failure.endswith("of 100, below the share distill.collapse.min_rank_share=0.05")
    assert look(1, {"teacher": [copies]}, step=100, config=CollapseConfig(min_rank_share=0.0)).failure == ""


def test_the_highest_rank_is_limited_by_the_images_too() -> None:
    failure = look(1, {"teacher": [torch.ones(9, 100)]}, step=1, config=CollapseConfig(min_spread=0.0)).failure
    assert "their effective rank is 0 of 8" in failure


@pytest.mark.parametrize("weak", [0, 1, 2])
def test_the_worst_path_of_a_side_gives_its_signs_and_its_failure(weak: int) -> None:
    paths = [noise(seed=seed) * (0.05 if seed == weak else 1) for seed in range(3)]
    paths[(weak + 1) % 3] = noise(dimensions=2, seed=4).repeat(1, 4)
    health = look(1, {"student": paths}, step=7, config=CollapseConfig())
    assert f"block 1's student side (path {weak + 1} of 3) have collapsed in step 7" in health.failure
    assert health.signs["block 1 student spread"] == pytest.approx(paths[weak].std(0).mean().item())
    assert health.signs["block 1 student effective rank"] == pytest.approx(2, abs=0.1)
    assert health.signs["block 1 student covariance"] == max(covariance_penalty(z).item() for z in paths)


class WithoutFloat64(torch.Tensor):
    """A tensor on a device without float64; copied to the CPU it is as any other."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.Tensor.cpu:
            return args[0].as_subclass(torch.Tensor)
        if func is torch.Tensor.double:
            raise TypeError("this device has no float64")
        return super().__torch_function__(func, types, args, kwargs)


def test_effective_rank_needs_no_float64_on_the_device() -> None:
    assert effective_rank(noise().as_subclass(WithoutFloat64)) == effective_rank(noise())
