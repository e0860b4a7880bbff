"""ImageSet: a set of images in reproducible batches, from any batch of an epoch on.

Batch k of an epoch depends only on (seed, epoch, view) and the set, not on `num_workers`, on caching, or on the batches
drawn before, so that an interrupted run resumes exactly.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

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
from helixnas.data.config import TWO_VIEW, VARIED_ALONE
from helixnas.data.loading import ImageStore, load_batches
from helixnas.data.stratify import draw_evenly
from helixnas.data.streams.order import Blockwise, blockwise_order
from helixnas.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """A batch of images with their labels and indices."""

    images: Float32[Tensor, "batch 3 height width"]
    """Values in [0, 1], in channels_last memory, not normalised."""

    labels: Int64[Tensor, " batch"] | None
    """Class indices on the device of the images, or None if the set has no labels."""

    indices: Int64[Tensor, " batch"]
    """Positions of the images in the set, on the CPU; a replacement of an unreadable image has its own position."""

    def pin_memory(self) -> "Batch":
        """Return the batch in pinned memory, from which a GPU copies while it computes."""
        labels = None if self.labels is None else self.labels.pin_memory()
        return replace(self, images=self.images.pin_memory(), labels=labels)


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageSet:
    """A subset, `rows`, of the images in a store, which holds all labels; without labels there are 0 classes.

    >>> from helixnas.data import DataConfig, open_data
    >>> rating = open_data(DataConfig(name="digits", num_rating=100), image_size=16, seed=0).rating
    >>> first, second = rating.batches(batch_size=50, seed=1, augment=False, shuffle=True)
    >>> (again,) = rating.batches(batch_size=50, seed=1, augment=False, shuffle=True, skip=1)
    >>> torch.equal(second.images, again.images)
    True
    """

    name: str
    """Purpose of the images, for messages: training, rating or evaluation."""

    store: ImageStore
    rows: Int64[np.ndarray, " images"]
    all_labels: Int64[np.ndarray, " stored"] | None
    class_names: tuple[str, ...]
    """By index, which labels are."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def num_classes(self) -> int:
        """Number of classes; 0 without labels."""
        return len(self.class_names)

    @property
    def is_thread_safe(self) -> bool:
        """Whether another thread may read augmented batches: not where this process varies single images.

        That takes the global random generators, which worker processes have for themselves.
        """
        return bool(self.store.num_workers) or self.store.augmentation not in (*VARIED_ALONE, TWO_VIEW)

    @property
    def image_size(self) -> int:
        """Height and width in pixels."""
        return self.store.image_size

    @cached_property
    def labels(self) -> Int64[np.ndarray, " images"] | None:
        """Class index of each image, or None."""
        return None if self.all_labels is None else self.all_labels[self.rows]

    def require_labels(self, purpose: str) -> Int64[np.ndarray, " images"]:
        """Return the labels for a `purpose`; raises `DataError` if the images have none."""
        if self.labels is None:
            raise DataError(
                f"{purpose} needs labels, and the {self.name} images of {self.store.title} have none; use one folder per "
                f"class and data.labels=true"
            )
        return self.labels

    def num_batches(self, batch_size: int, drop_last: bool) -> int:
        """Return the number of batches of an epoch."""
        return len(self) // batch_size if drop_last else -(-len(self) // batch_size)

    def subset(self, images: int | Sequence[int] | Int64[np.ndarray, " chosen"]) -> "ImageSet":
        """Return a number of images, evenly by class, or those at given positions; raises `DataError` if there are none."""
        if isinstance(images, int):
            if not 1 <= images <= len(self):
                raise DataError(f"cannot take {images:,} images: the {self.name} set has {len(self):,}")
            positions = draw_evenly(num_images=len(self), num_drawn=images, labels=self.labels, rng=None)
        else:
            positions = np.asarray(images, dtype=np.int64)
            if not len(positions) or positions.min() < 0 or positions.max() >= len(self):
                raise DataError(
                    f"positions in the {self.name} set must be 0 to {len(self) - 1:,}, and at least one is needed"
                )
        return replace(self, rows=self.rows[positions])

    def with_augmentation(self, augmentation: str) -> "ImageSet":
        """Return the same images with another augmentation for training; see `DataConfig.augmentation`."""
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
        part: tuple[int, int] = (0, 1),
        device: torch.device | str | None = None,
    ) -> Iterator[Batch]:
        """Return the batches of an epoch from number `skip` on.

        The order depends on (seed, epoch); another `view` augments the same images in the same order differently. `part` is
        the number of one of so many equal parts of every batch: only its images are read.

        Raises:
            DataError: at once for an invalid argument; while iterating if too many images are unreadable.
        """
        if batch_size < 1 or min(seed, epoch, skip, view) < 0:
            raise DataError(
                f"batch_size must be at least 1, and seed, epoch, skip and view must not be negative, not "
                f"{batch_size}, {seed}, {epoch}, {skip} and {view}"
            )
        if drop_last and batch_size > len(self):
            raise DataError(
                f"a batch of {batch_size:,} is larger than the {len(self):,} {self.name} images of {self.store.title}; "
                f"choose at most {len(self):,}"
            )
        chunks, lanes = self._chunks(
            batch_size, seed=seed, epoch=epoch, shuffle=shuffle, skip=skip, drop_last=drop_last, part=part
        )
        return self._batches(chunks, lanes, seed=seed, epoch=epoch, view=view, augment=augment, device=device)

    def positions(
        self, *, batch_size: int, seed: int, epoch: int, skip: int, drop_last: bool, part: tuple[int, int] = (0, 1)
    ) -> list[Int64[np.ndarray, " batch"]]:
        """Return the positions of the images of every batch that `batches` shows of a shuffled epoch."""
        how: dict[str, Any] = {"seed": seed, "epoch": epoch, "skip": skip, "drop_last": drop_last, "part": part}
        return self._chunks(batch_size, shuffle=True, **how)[0]

    def _chunks(
        self,
        batch_size: int,
        *,
        seed: int,
        epoch: int,
        shuffle: bool,
        skip: int,
        drop_last: bool,
        part: tuple[int, int],
    ) -> tuple[list[np.ndarray], Blockwise | None]:
        """Return the positions of every batch, and the lanes of all positions if the order goes by blocks of storage."""
        order, lanes = self._order(seed, epoch) if shuffle else (np.arange(len(self)), None)
        chunks = list[np.ndarray]()
        for number in range(skip, self.num_batches(batch_size, drop_last)):
            chunk = order[number * batch_size : (number + 1) * batch_size]
            chunk = chunk if lanes is None else lanes.by_lane(chunk)
            size = len(chunk) // part[1]
            chunks.append(chunk[part[0] * size : (part[0] + 1) * size])
        return chunks, lanes

    def _order(self, seed: int, epoch: int) -> tuple[np.ndarray, Blockwise | None]:
        """Return the shuffled positions of an epoch, with lanes if the order goes by blocks of storage."""
        rng = np.random.default_rng([seed, ORDER_STREAM, epoch])
        blocks = self.store.source.blocks
        if not self.store.window or blocks is None:
            return rng.permutation(len(self)), None
        found = blockwise_order(blocks.of[self.rows], self.store.window, rng)
        return found.order, found

    def _batches(
        self,
        chunks: list[np.ndarray],
        lanes: Blockwise | None,
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
            numbers = augmentation_numbers(seed=seed, epoch=epoch, view=view, num_images=self.store.source.num_images)
        words = (seed, AUGMENTATION_STREAM, epoch, view) if augmentation in (*VARIED_ALONE, TWO_VIEW) else None
        loaded = load_batches(
            self.store, self.rows, chunks, words=words, purpose=self.name, lanes=None if lanes is None else lanes.lanes
        )
        vary = partial(shift_and_flip, padding=padding_for(self.image_size), flip=augmentation == "flip-crop")
        for chunk, (pixels, shown) in zip(chunks, loaded, strict=True):
            if numbers is not None:
                pixels = vary(pixels, numbers[self.rows[chunk]])
            labels = None if self.labels is None else torch.from_numpy(self.labels[shown]).to(device)
            images = as_images(torch.from_numpy(pixels), device)
            yield Batch(images=images, labels=labels, indices=torch.from_numpy(shown))
