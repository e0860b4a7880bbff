"""A frozen teacher that does not run: its features of a training step are read from a pool (`FeaturePool`)."""

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import overload

import numpy as np
import torch
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.distill.feature_pool import FeaturePool
from helixnas.engine.batches import full_batches


@dataclass(eq=False)
class PooledTeacher:
    """The batches that `FrozenTeacher` shows, as rows of a pool; epoch e shows view e modulo the number of views.

    The order of an epoch is that without a pool. Arguments and errors as of `FrozenTeacher`.
    """

    pool: FeaturePool
    images: ImageSet
    _: KW_ONLY
    batch_size: int
    seed: int
    part: tuple[int, int] = (0, 1)

    def __post_init__(self) -> None:
        self.steps_per_epoch = full_batches(self.images, self.batch_size, "distill.batch_size")

    def batches(self, start: int, end: int) -> Iterator[tuple[Tensor, ...]]:
        """Yield the rows of the batches of steps `start` to `end - 1`."""
        while start < end:
            epoch, skip = divmod(start, self.steps_per_epoch)
            first = epoch % self.pool.num_views * len(self.images)
            order = self.images.positions(
                batch_size=self.batch_size, seed=self.seed, epoch=epoch, skip=skip, drop_last=True, part=self.part
            )
            for chunk in order[: end - start]:
                yield (torch.from_numpy(first + chunk),)
                start += 1

    def features(self, views: tuple[Tensor, ...]) -> tuple[Sequence[Tensor], ...]:
        """Return Y_0 .. Y_N of the rows of every view, each read when it is first used."""
        return tuple(PooledFeatures(self.pool, rows.numpy()) for rows in views)


class PooledFeatures(Sequence[Tensor]):
    """Y_0 .. Y_N of some rows of a pool; what no unit uses is not read."""

    def __init__(self, pool: FeaturePool, rows: np.ndarray) -> None:
        self._pool, self._rows = pool, rows
        self._found: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._pool.shapes) + 1

    @overload
    def __getitem__(self, number: int) -> Tensor: ...
    @overload
    def __getitem__(self, number: slice) -> list[Tensor]: ...
    def __getitem__(self, number: int | slice) -> Tensor | list[Tensor]:
        if isinstance(number, slice):
            return [self[each] for each in range(*number.indices(len(self)))]
        number = range(len(self))[number]
        if number not in self._found:
            self._found[number] = self._pool.read(number, self._rows)
        return self._found[number]
