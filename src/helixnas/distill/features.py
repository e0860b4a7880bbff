"""Where the features of a training step come from: one pass of a frozen teacher that serves all units."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.distill.objective import Features
from helixnas.engine.batches import full_batches, is_thread_safe, training_batches
from helixnas.engine.runtime import Runtime
from helixnas.teacher import Teacher


@runtime_checkable
class FeatureSource(Protocol):
    """Yields batches of images in one or several views, and the teacher's features of each view."""

    @property
    def steps_per_epoch(self) -> int:
        """Full batches of an epoch."""
        ...

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the views of the batches of steps `start` to `end - 1`, the same whatever the start.

        Of several processes that train together, each gets its part of every batch.
        """
        ...

    def features(self, views: tuple[Tensor, ...]) -> Sequence[Features]:
        """Return Y_0 .. Y_N of every view.

        A teacher that is trained gives features with gradients; each of its blocks then receives Y_{k-1} detached, so that
        a block learns from its own loss only.
        """
        ...


@dataclass(eq=False)
class FrozenTeacher:
    """Augmented training images in one view, in full batches, and their features without gradients.

    The seed decides order and augmentation. `part` is the number of one of so many processes, which reads only its part of each
    batch. Raises `ConfigError` if there are fewer images than one batch holds.
    """

    teacher: Teacher
    images: ImageSet
    _: KW_ONLY
    batch_size: int
    runtime: Runtime
    seed: int
    part: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        self.steps_per_epoch = full_batches(self.images, self.batch_size, "distill.batch_size")

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the images of the batches of steps `start` to `end - 1`."""
        batch_size, per_epoch = self.batch_size, self.steps_per_epoch
        stream = training_batches(
            self.images, batch_size=batch_size, seed=self.seed, start=start, per_epoch=per_epoch, part=self.part
        )
        for batch in self.runtime.ahead(islice(stream, end - start), thread_safe=is_thread_safe(self.images)):
            yield (batch.images,)

    def features(self, views: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], ...]:
        """Return Y_0 .. Y_N of every view, without gradients."""
        with torch.no_grad(), self.runtime.autocast():
            return tuple(self.teacher.features(self.runtime.images(view)) for view in views)
