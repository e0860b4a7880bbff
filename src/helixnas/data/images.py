"""ImageSet: images that come in batches, the same batches whoever asks for them, and from the middle if need be.

Batch k of an epoch is a function of (seed, epoch, view) and the set. It does not depend on `num_workers`, on whether
the images are cached, or on how many batches were drawn before; that is what makes an interrupted run exact to resume.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch import Tensor

from helixnas.data.augmentation import (
    AUGMENTATION_STREAM,
    ORDER_STREAM,
    as_images,
    augmentation_numbers,
    padding_for,
    shift_and_flip,
)
from helixnas.data.config import VARIED_ALONE
from helixnas.data.loading import ImageStore, load_batches
from helixnas.data.stratify import draw_evenly
from helixnas.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Some images, with the labels and the places in their set."""

    images: Float32[Tensor, "batch 3 height width"]
    """Values in [0, 1], channels_last memory; the teacher normalises them."""

    labels: Int64[Tensor, " batch"] | None
    """Class indices, on the device of the images, or None where the set has none."""

    indices: Int64[Tensor, " batch"]
    """Positions in the set of the images shown, on the CPU; `labels` are the set's labels there."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """Some of the images of a source; made by `open_data`.

    Example:
        >>> from helixnas.data import DataConfig, open_data
        >>> rating = open_data(DataConfig(name="digits", num_rating=100), image_size=16, seed=0).rating
        >>> first, second = rating.batches(batch_size=50, seed=1, augment=False, shuffle=True)
        >>> (again,) = rating.batches(batch_size=50, seed=1, augment=False, shuffle=True, skip=1)
        >>> torch.equal(second.images, again.images)
        True
    """

    name: str
    """What the images are for, in messages: training, rating or evaluation."""

    store: ImageStore
    """Where the images are and how they are shown."""

    rows: Int64[np.ndarray, " images"]
    """The rows of the images in the store."""

    all_labels: Int64[np.ndarray, " stored"] | None
    """Class index of every row of the store, or None."""

    num_classes: int
    """Number of classes; 0 where there are no labels."""

    def __len__(self) -> int:
        """The number of images."""
        return len(self.rows)

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.store.image_size

    @cached_property
    def labels(self) -> Int64[np.ndarray, " images"] | None:
        """Class index of each image, or None."""
        return None if self.all_labels is None else self.all_labels[self.rows]

    def require_labels(self, purpose: str) -> Int64[np.ndarray, " images"]:
        """The labels, where `purpose` cannot do without.

        Raises:
            DataError: there are none.
        """
        if self.labels is None:
            raise DataError(
                f"{purpose} needs labels, and the {self.name} images of {self.store.title} have none; one folder for "
                f"each class, and data.labels not false, would be right"
            )
        return self.labels

    def num_batches(self, batch_size: int, drop_last: bool) -> int:
        """Batches of an epoch.

        Example:
            >>> from helixnas.data import DataConfig, open_data
            >>> rating = open_data(DataConfig(name="digits", num_rating=100), image_size=8, seed=0).rating
            >>> rating.num_batches(64, drop_last=False), rating.num_batches(64, drop_last=True)
            (2, 1)
        """
        return len(self) // batch_size if drop_last else -(-len(self) // batch_size)

    def subset(self, images: int | Sequence[int] | Int64[np.ndarray, " chosen"]) -> "ImageSet":
        """That many of the images, evenly by class, or those at the given positions.

        Raises:
            DataError: there are not as many, or a position is outside the set.
        """
        if isinstance(images, int):
            if not 1 <= images <= len(self):
                raise DataError(f"{images:,} images are asked of the {len(self):,} for {self.name}; 1 to all are there")
            positions = draw_evenly(num_images=len(self), num_drawn=images, labels=self.labels, rng=None)
        else:
            positions = np.asarray(images, dtype=np.int64)
            if not len(positions) or positions.min() < 0 or positions.max() >= len(self):
                raise DataError(f"positions among the {self.name} images must be 0 to {len(self) - 1:,}, at least one")
        return replace(self, rows=self.rows[positions])

    def with_augmentation(self, augmentation: str) -> "ImageSet":
        """The same images, varied in another way for training; see `DataConfig.augmentation`."""
        return replace(self, store=replace(self.store, augmentation=augmentation))

    def batches(
        self,
        *,
        batch_size: int,
        seed: int,
        augment: bool,
        shuffle: bool,
        epoch: int = 0,
        skip: int = 0,
        drop_last: bool = False,
        view: int = 0,
        device: torch.device | str | None = None,
    ) -> Iterator[Batch]:
        """The batches of an epoch from number `skip` on.

        The order is that of (seed, epoch); each `view` varies the same images in the same order differently.

        Raises:
            DataError: at once where a setting does not fit; while iterating, where too many images are unreadable.
        """
        if batch_size < 1 or min(seed, epoch, skip, view) < 0:
            raise DataError(
                f"a batch has at least 1 image, and seed, epoch, skip and view are not negative; these are "
                f"{batch_size}, {seed}, {epoch}, {skip} and {view}"
            )
        if drop_last and batch_size > len(self):
            raise DataError(
                f"a batch of {batch_size:,} is larger than the {len(self):,} {self.name} images of {self.store.title}; "
                f"choose at most {len(self):,}"
            )
        order = np.arange(len(self))
        if shuffle:
            order = np.random.default_rng([seed, ORDER_STREAM, epoch]).permutation(len(self))
        numbers = range(skip, self.num_batches(batch_size, drop_last))
        chunks = [order[number * batch_size : (number + 1) * batch_size] for number in numbers]
        return self._batches(chunks, seed=seed, epoch=epoch, view=view, augment=augment, device=device)

    def _batches(
        self,
        chunks: list[np.ndarray],
        *,
        seed: int,
        epoch: int,
        view: int,
        augment: bool,
        device: torch.device | str | None,
    ) -> Iterator[Batch]:
        augmentation = self.store.augmentation if augment else "none"
        numbers = None
        if augmentation in ("shift", "flip-crop"):
            numbers = augmentation_numbers(seed=seed, epoch=epoch, view=view, num_images=self.store.num_images)
        words = (seed, AUGMENTATION_STREAM, epoch, view) if augmentation in VARIED_ALONE else None
        loaded = load_batches(self.store, self.rows, chunks, words=words, purpose=self.name)
        vary = partial(shift_and_flip, padding=padding_for(self.image_size), flip=augmentation == "flip-crop")
        for chunk, (pixels, shown) in zip(chunks, loaded, strict=True):
            if numbers is not None:
                pixels = vary(pixels, numbers[self.rows[chunk]])
            labels = None if self.labels is None else torch.from_numpy(self.labels[shown]).to(device)
            images = as_images(torch.from_numpy(pixels), device)
            yield Batch(images=images, labels=labels, indices=torch.from_numpy(shown))
