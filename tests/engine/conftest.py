"""A linear classifier's data, as batches that depend on the epoch, without any data set."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some images and their labels."""

    images: Tensor
    labels: Tensor | None


class Images:
    """Images of 4 pixels whose class is the colour channel that is brightest."""

    def __init__(self, number: int, *, labelled: bool = True) -> None:
        generator = torch.Generator().manual_seed(0)
        self.images = torch.rand(number, 3, 2, 2, generator=generator)
        self.labels = self.images.mean((2, 3)).argmax(1)
        self.labelled = labelled
        self.num_classes = 3

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.images)

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        """Return the number of batches of an epoch."""
        return len(self) // batch_size if drop_last else -(-len(self) // batch_size)

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, augment: bool, shuffle: bool, skip: int, drop_last: bool
    ) -> Iterator[Batch]:
        """Yield the batches of an epoch from number `skip` on."""
        order = np.arange(len(self))
        if shuffle:
            order = np.random.default_rng((seed, epoch)).permutation(len(self))
        for number in range(skip, self.num_batches(batch_size, drop_last=drop_last)):
            rows = order[number * batch_size : (number + 1) * batch_size]
            yield Batch(self.images[rows], self.labels[rows] if self.labelled else None)


@pytest.fixture
def make_images() -> type[Images]:
    """Return the class of images; call it with their number."""
    return Images
