import pytest
import torch
from torch import nn

from helixnas.errors import ExportError
from helixnas.export import Parity, compare, require_parity
from helixnas.export.parity import reference

IMAGES = torch.arange(5.0).reshape(5, 1, 1, 1)


def flat(images: torch.Tensor) -> torch.Tensor:
    return images.flatten(1)


def test_every_image_is_compared_and_the_largest_difference_counts() -> None:
    assert compare(flat, flat, IMAGES, batch_size=2) == Parity(0.0, 4.0, 5)
    found = compare(flat, lambda images: flat(images) + (flat(images) == 3.0) * 0.5, IMAGES, batch_size=2)
    assert found == Parity(0.5, 4.0, 5)


def test_what_is_no_number_is_no_parity() -> None:
    found = compare(flat, lambda images: flat(images) / 0.0, IMAGES, batch_size=8)
    assert found.largest_difference == float("inf")
    with pytest.raises(ExportError, match="differs from PyTorch by up to inf"):
        require_parity(found, 1.0)


def test_logits_of_another_shape_are_named() -> None:
    with pytest.raises(ExportError, match="has logits of shape 1 x 2, the original 1 x 1"):
        compare(flat, lambda images: flat(images).repeat(1, 2), IMAGES, batch_size=8)


def test_the_reference_leaves_the_model_as_it_was() -> None:
    model = nn.Conv2d(2, 2, 1).to(memory_format=torch.channels_last).train()
    twin = reference(model)
    assert model.training
    assert model.weight.requires_grad
    assert not twin.training
    assert not any(parameter.requires_grad for parameter in twin.parameters())
