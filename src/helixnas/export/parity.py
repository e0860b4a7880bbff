"""Parity: the largest difference between the logits of an exported model and of the model itself."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.artifacts.files import write_atomically
from helixnas.errors import ExportError

Logits = Callable[[Tensor], Tensor]
"""From normalised images to logits."""

NUM_TRACED = 2
"""Batch size that a model is traced with; the exported model takes any."""


BATCH_SIZE = 16
"""Batch size of the comparison."""


class Parity(NamedTuple):
    """Largest absolute difference between the logits of two models on the same images, and largest logit, for scale."""

    largest_difference: float
    largest_logit: float
    num_images: int


def compare(
    expected: Logits, found: Logits, images: Float[Tensor, "batch channels height width"], *, batch_size: int
) -> Parity:
    """Compare logits on all images: the first alone, then batches of `batch_size`."""
    difference, largest = 0.0, 0.0
    for batch in (images[:1], *images[1:].split(batch_size)):
        if not len(batch):
            continue
        wanted, given = expected(batch), found(batch)
        if wanted.shape != given.shape:
            shapes = [" x ".join(map(str, logits.shape)) for logits in (given, wanted)]
            raise ExportError(f"the exported model has logits of shape {shapes[0]}, the original {shapes[1]}")
        gap = (wanted - given).abs().max().item()
        difference = max(difference, gap if gap == gap else float("inf"))  # NaN on one side
        largest = max(largest, wanted.abs().max().item())
    return Parity(difference, largest, len(images))


def require_parity(parity: Parity, tolerance: float) -> Parity:
    """Return `parity` if its difference is at most `tolerance`; raises `ExportError` if it is larger.

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


def write_checked(
    target: Path,
    write: Callable[[Path], Logits],
    twin: nn.Module,
    images: Float[Tensor, "batch channels height width"],
    *,
    tolerance: float,
    writer: Callable[[Path, Callable[[Path], None]], None] = write_atomically,
) -> Parity:
    """Write an exported model, compare it with the original `twin` on normalised images, and keep it only if they agree.

    `write` writes to a temporary path and returns the logits of the model loaded from there; `writer` is `write_atomically`
    for a file, `write_folder` for a folder.

    Raises:
        ExportError: the logits differ by more than `tolerance`.
        ArtifactError: the target cannot be written.
    """
    found: list[Parity] = []

    def write_and_compare(temporary: Path) -> None:
        parity = compare(logits_of(twin), write(temporary), images, batch_size=BATCH_SIZE)
        found.append(require_parity(parity, tolerance))

    writer(target, write_and_compare)
    return found[0]


def reference(model: nn.Module) -> nn.Module:
    """Return a copy to trace and compare with: on the CPU, in eval mode, contiguous, without gradients."""
    return copy.deepcopy(model).cpu().to(memory_format=torch.contiguous_format).eval().requires_grad_(False)  # pyright: ignore[reportCallIssue]


def logits_of(model: nn.Module) -> Logits:
    """Return a model's forward pass without gradients."""

    def compute(images: Tensor) -> Tensor:
        with torch.no_grad():
            return model(images)

    return compute
