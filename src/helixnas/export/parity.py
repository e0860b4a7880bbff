"""Parity: whether what was written computes what the model computes, on the same images."""

import copy
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.errors import ExportError

Logits = Callable[[Tensor], Tensor]
"""Turns normalised images into logits."""

NUM_TRACED = 2
"""Images in the batch that a model is traced with; it then takes any number."""


class Parity(NamedTuple):
    """How far two computations of the same logits differ."""

    largest_difference: float
    """Largest absolute difference between two logits."""

    largest_logit: float
    """Largest absolute logit, to judge it by."""

    num_images: int
    """Images compared."""


def compare(
    expected: Logits, found: Logits, images: Float[Tensor, "batch channels height width"], *, batch_size: int
) -> Parity:
    """Compare logits over all images: the first one alone, the rest in batches of `batch_size`."""
    difference, largest = 0.0, 0.0
    for batch in (images[:1], *images[1:].split(batch_size)):
        if not len(batch):
            continue
        wanted, given = expected(batch), found(batch)
        if wanted.shape != given.shape:
            raise ExportError(f"the exported model gives logits of shape {_shape(given)}, the model {_shape(wanted)}")
        gap = (wanted - given).abs().max().item()
        difference = max(difference, gap if gap == gap else float("inf"))  # a NaN on one side is no parity
        largest = max(largest, wanted.abs().max().item())
    return Parity(difference, largest, len(images))


def require_parity(parity: Parity, tolerance: float) -> Parity:
    """Return the parity where it is within `tolerance`.

    Raises:
        ExportError: it is not.

    >>> require_parity(Parity(0.25, 8.0, 10), 0.5).num_images
    10
    """
    if not parity.largest_difference <= tolerance:
        raise ExportError(
            f"the exported model differs from PyTorch by up to {parity.largest_difference:.2g} (logits up to "
            f"{parity.largest_logit:.2g}, {parity.num_images} images), more than the tolerance of {tolerance:g}; nothing "
            "was written"
        )
    return parity


def reference(model: nn.Module) -> nn.Module:
    """Return a copy of a model to trace and compare with: on the CPU, in eval mode, plain memory order, no gradients."""
    return copy.deepcopy(model).cpu().to(memory_format=torch.contiguous_format).eval().requires_grad_(False)  # pyright: ignore[reportCallIssue]


def logits_of(model: nn.Module) -> Logits:
    """Return the function that computes a model's logits without gradients."""

    def compute(images: Tensor) -> Tensor:
        with torch.no_grad():
            return model(images)

    return compute


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape))
