"""The interface between training loops and labelled images."""

from collections.abc import Callable, Iterator
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from helixnas.errors import DataError

Normalize = Callable[[Tensor], Tensor]
"""From images in [0, 1] to the input of a model."""


@runtime_checkable
class LabelledBatch(Protocol):
    """Images in [0, 1] and their class indices."""

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
    """Labelled images whose batches depend only on seed and epoch."""

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 without labels."""
        ...

    def __len__(self) -> int: ...

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        """Return the number of batches of one epoch."""
        ...

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, augment: bool, shuffle: bool, skip: int, drop_last: bool
    ) -> Iterator[Any]:
        """Yield the batches of one epoch, from number `skip` on."""
        ...


def require_labels(labels: Tensor | None, purpose: str) -> Tensor:
    """Return the labels of a batch, for a `purpose` that needs them; raises `DataError` if there are none."""
    if labels is None:
        raise DataError(f"{purpose} needs labels, and the images have none")
    return labels
