"""Where the features of a training step come from: one pass of a frozen teacher that serves all units."""

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.distill.objective import Features
from helixnas.engine.runtime import Runtime
from helixnas.errors import ConfigError
from helixnas.teacher import Teacher


@runtime_checkable
class FeatureSource(Protocol):
    """Yields batches of images in one or several views, and the teacher's features of each view."""

    @property
    def steps_per_epoch(self) -> int:
        """Full batches of an epoch."""
        ...

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the views of the batches of steps `start` to `end - 1`, the same whatever the start."""
        ...

    def features(self, views: tuple[Tensor, ...]) -> Sequence[Features]:
        """Return Y_0 .. Y_N of every view.

        A teacher that is trained gives features with gradients; each of its blocks then receives Y_{k-1} detached, so that
        a block learns from its own loss only.
        """
        ...


class FrozenTeacher:
    """Augmented training images in one view, and their features without gradients.

    Args:
        teacher: frozen; gives Y_0 .. Y_N.
        images: training images.
        batch_size: images per step; the last, smaller batch of an epoch is left out.
        runtime: device and precision.
        seed: decides order and augmentation.

    Raises:
        ConfigError: there are fewer images than one batch holds.
    """

    def __init__(self, teacher: Teacher, images: ImageSet, *, batch_size: int, runtime: Runtime, seed: int) -> None:
        self.teacher = teacher
        self.images = images
        self.batch_size = batch_size
        self.runtime = runtime
        self.seed = seed
        self.steps_per_epoch = images.num_batches(batch_size, drop_last=True)
        if not self.steps_per_epoch:
            raise ConfigError(
                f"distill.batch_size is {batch_size}, but there are only {len(images)} training images; "
                f"choose at most {len(images)}"
            )

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the images of the batches of steps `start` to `end - 1`."""
        while start < end:
            epoch, skip = divmod(start, self.steps_per_epoch)
            for batch in self.images.batches(
                batch_size=self.batch_size,
                seed=self.seed,
                epoch=epoch,
                augment=True,
                shuffle=True,
                skip=skip,
                drop_last=True,
            ):
                yield (batch.images,)
                start += 1
                if start == end:
                    break

    def features(self, views: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], ...]:
        """Return Y_0 .. Y_N of every view, without gradients."""
        with torch.no_grad(), self.runtime.autocast():
            return tuple(self.teacher.features(self.runtime.images(view)) for view in views)
