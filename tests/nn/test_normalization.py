"""Normalisation of images is the closed form per channel, on any number of channels."""

import pytest
import torch

from helixnas.errors import ConfigError
from helixnas.nn import Normalization


def test_each_channel_has_its_mean_subtracted_and_is_divided_by_its_deviation() -> None:
    images = torch.rand(2, 3, 4, 5, generator=torch.Generator().manual_seed(0))
    found = Normalization((0.5, 0.25, 0.0), (0.5, 2.0, 1.0))(images)
    assert torch.equal(found[:, 0], (images[:, 0] - 0.5) / 0.5)
    assert torch.equal(found[:, 1], (images[:, 1] - 0.25) / 2.0)
    assert torch.equal(found[:, 2], images[:, 2])


def test_it_moves_with_the_module_and_has_nothing_to_train() -> None:
    normalization = Normalization((0.5,), (0.5,)).to("meta")
    assert normalization(torch.empty(1, 1, 2, 2, device="meta")).device.type == "meta"
    assert not list(normalization.parameters())


@pytest.mark.parametrize(("mean", "std"), [((0.5, 0.5), (0.5,)), ((), ())])
def test_mean_and_deviation_must_have_the_same_number_of_channels(
    mean: tuple[float, ...], std: tuple[float, ...]
) -> None:
    with pytest.raises(ConfigError, match=f"need one entry per image channel, not {len(mean)} and {len(std)}"):
        Normalization(mean, std)
