"""What a training loop needs of images: batches that are the same whoever asks for them."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from helixnas.errors import DataError

Normalize = Callable[[Tensor], Tensor]
"""Turns images in [0, 1] into what a model expects."""


@runtime_checkable
class LabelledBatch(Protocol):
    """Images in [0, 1] and the index of each one's class."""

    @property
    def images(self) -> Tensor:
        """Values in [0, 1], (batch, channels, height, width)."""
        ...

    @property
    def labels(self) -> Tensor | None:
        """Class indices, (batch,)."""
        ...


@runtime_checkable
class LabelledImages(Protocol):
    """A set of labelled images that gives the same batches for the same seed and epoch."""

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 where there are no labels."""
        ...

    def __len__(self) -> int: ...

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        """Return the number of batches of one epoch."""
        ...

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, augment: bool, shuffle: bool, skip: int, drop_last: bool
    ) -> Iterator[Any]:
        """Yield the batches of one epoch from number `skip` on."""
        ...


def require_labels(labels: Tensor | None, purpose: str) -> Tensor:
    """Return the labels of a batch; raises `DataError` where there are none."""
    if labels is None:
        raise DataError(f"{purpose} needs labels, and the images have none")
    return labels
