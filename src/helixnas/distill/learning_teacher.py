"""Features of a teacher that learns together with the student, of two views of every image (DNA++, Sec. 3.5)."""

from collections.abc import Iterator
from dataclasses import KW_ONLY, dataclass
from itertools import islice

from torch import Tensor

from helixnas.data import ImageSet
from helixnas.engine.batches import full_batches, is_thread_safe
from helixnas.engine.runtime import Runtime
from helixnas.errors import ConfigError
from helixnas.teacher import Teacher

NUM_VIEWS = 2

DROPOUT_STREAM = 6
"""Second word of a seed sequence; makes dropout in the teacher independent of order, augmentation and mixing."""


@dataclass(eq=False)
class LearningTeacher:
    """Two augmented views of training images, in full batches, and their features with gradients.

    The seed decides order, both augmentations, and dropout. The teacher must pass its blocks' outputs on detached, so that
    nothing flows from a block to the one before. `part` is the number of one of so many processes, which reads only its part
    of each batch. Raises `ConfigError` if the teacher passes gradients on, or if there are fewer images than one batch holds.
    """

    teacher: Teacher
    images: ImageSet
    _: KW_ONLY
    batch_size: int
    runtime: Runtime
    seed: int
    part: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        if not self.teacher.detach_boundaries:
            raise ConfigError("a teacher that learns block by block needs detach_boundaries=True")
        self.steps_per_epoch = full_batches(self.images, self.batch_size, "distill.batch_size")
        self.step = 0

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield both views of the batches of steps `start` to `end - 1`; `step` is the number of the last one."""
        while start < end:
            epoch, skip = divmod(start, self.steps_per_epoch)
            streams = [self._view(view, epoch, skip) for view in range(NUM_VIEWS)]
            for views in islice(zip(*streams, strict=True), end - start):
                self.step = start
                yield views
                start += 1

    def _view(self, view: int, epoch: int, skip: int) -> Iterator[Tensor]:
        stream = self.images.batches(
            batch_size=self.batch_size,
            seed=self.seed,
            epoch=epoch,
            augment=True,
            shuffle=True,
            skip=skip,
            drop_last=True,
            view=view,
            part=self.part,
        )
        return (batch.images for batch in self.runtime.ahead(stream, thread_safe=is_thread_safe(self.images)))

    def features(self, views: tuple[Tensor, ...]) -> tuple[tuple[Tensor, ...], ...]:
        """Return Y_0 .. Y_N of every view, with gradients; the network is in training mode."""
        self.teacher.train()
        with self.runtime.seeded(self.seed, DROPOUT_STREAM, self.step), self.runtime.autocast():
            return tuple(self.teacher.features(self.runtime.images(view)) for view in views)
