"""The interface between training loops and labelled images."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from helixnas.errors import ConfigError, DataError

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
    ) -> Iterator[LabelledBatch]:
        """Yield the batches of one epoch, from number `skip` on."""
        ...


def is_thread_safe(images: object) -> bool:
    """Return whether another thread may read augmented batches of images, which say so by an attribute of this name.

    Images that say nothing are read by the thread that trains.
    """
    return bool(getattr(images, "is_thread_safe", False))


def full_batches(images: LabelledImages, batch_size: int, setting: str) -> int:
    """Return the number of full batches of an epoch; raises `ConfigError`, which names the `setting`, if there is none."""
    number = images.num_batches(batch_size, drop_last=True)
    if not number:
        raise ConfigError(
            f"{setting} is {batch_size}, but there are only {len(images)} training images; choose at most {len(images)}"
        )
    return number


def training_batches(
    images: LabelledImages,
    *,
    batch_size: int,
    seed: int,
    start: int,
    per_epoch: int,
    part: tuple[int, int] = (0, 1),
) -> Iterator[LabelledBatch]:
    """Yield full batches of augmented images, epoch after epoch without end, from batch number `start` on.

    Every epoch gives `per_epoch` batches, which depend only on its number and the seed; `part` is the number of one of so
    many equal parts of every batch, the only one that is read.
    """
    epoch, skip = divmod(start, per_epoch)
    own: dict[str, Any] = {"part": part} if part[1] > 1 else {}
    while True:
        stream = images.batches(
            batch_size=batch_size, seed=seed, epoch=epoch, augment=True, shuffle=True, skip=skip, drop_last=True, **own
        )
        yield from islice(stream, per_epoch - skip)
        epoch, skip = epoch + 1, 0


def require_labels(labels: Tensor | None, purpose: str) -> Tensor:
    """Return the labels of a batch, for a `purpose` that needs them; raises `DataError` if there are none."""
    if labels is None:
        raise DataError(f"{purpose} needs labels, and the images have none")
    return labels
