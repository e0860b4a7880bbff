"""Loading the pixels of batches, from memory if they are cached, else decoded in this process or in workers.

An unreadable image is replaced by the next readable one of the same set, so that a damaged training image is never
replaced by a held-out one. Workers return their failures, which are counted and logged in the main process.
"""

import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import UInt8
from PIL import Image

from helixnas.data.augmentation import centre_view, two_view, varied_view
from helixnas.data.config import TWO_VIEW, TwoViewConfig
from helixnas.data.source import Source, as_rgb
from helixnas.data.streams.order import is_dense
from helixnas.data.unreadable import UnreadableImages
from helixnas.errors import DataError, first_line

Failure = tuple[int, str]

SHARED_MEMORY = Path("/dev/shm")
"""Where Linux keeps the memory through which workers hand over their batches."""

BATCHES_PER_WORKER = 2
"""Batches that each worker prepares ahead, torch's default."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageStore:
    """The images of a source with their preprocessing; see `DataConfig` for the settings."""

    source: Source
    pixels: UInt8[np.ndarray, "images size size 3"] | None
    """Centre crops of all images, or None if they are not in memory."""

    unreadable: UnreadableImages
    image_size: int
    augmentation: str
    crop_ratio: float
    interpolation: str
    num_workers: int
    two_view: TwoViewConfig = field(default_factory=TwoViewConfig)
    window: int = 0
    """Blocks of storage that a shuffled epoch mixes; 0 for any order of images."""

    @property
    def title(self) -> str:
        """Title of the source."""
        return self.source.title

    def centred(self, image: Image.Image) -> UInt8[np.ndarray, "size size 3"]:
        """Return the centre crop of an image, for rating and evaluation."""
        return centre_view(
            image, image_size=self.image_size, crop_ratio=self.crop_ratio, interpolation=self.interpolation
        )


def load_batches(
    store: ImageStore,
    rows: np.ndarray,
    chunks: list[np.ndarray],
    *,
    words: tuple[int, ...] | None,
    purpose: str,
    lanes: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pixels (uint8, NHWC) and positions of the images used, for chunks of positions in `rows`.

    With `words`, which end with the number of the view, images are augmented as a function of (*words, row); without, they
    are centre crops. With `lanes`, one per position, images are read by blocks of storage, and each worker reads the images
    of its lanes alone. Raises `DataError` if too many images are unreadable.
    """
    if store.pixels is not None and words is None:
        shown = next_readable(rows, store.unreadable.rows, purpose=purpose, title=store.title)
        for chunk in chunks:
            positions = shown[chunk]
            yield store.pixels[rows[positions]], positions
        return
    workers = store.num_workers if chunks else 0
    if workers:
        _require_shared_memory(store, chunks)
    shares = [_shares(chunk, lanes, workers) for chunk in chunks]
    ahead: dict[str, Any] = {"prefetch_factor": BATCHES_PER_WORKER * len(shares[0])} if workers else {}
    loader: Any = torch.utils.data.DataLoader(
        _Samples(store, rows, words, by_block=lanes is not None),
        batch_sampler=[chunk[share].tolist() for chunk, own in zip(chunks, shares, strict=True) for share in own],
        num_workers=workers,
        collate_fn=partial(_collate, size=store.image_size),
        generator=torch.Generator().manual_seed(0),  # not used, but without it the global generator would advance
        **ahead,
    )
    with warnings.catch_warnings():
        # Python 3.12 warns when a process with threads forks; the workers do not use torch's threads.
        warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
        stream = iter(loader)
    for own in shares:
        parts = list(islice(stream, len(own)))
        for row, reason in (failure for *_, failures in parts for failure in failures):
            store.unreadable.report(row=row, path=store.source.locate(row), reason=reason)
        pixels, positions = _put_together(parts, own)
        if (positions < 0).any():
            raise DataError(f"none of the {len(rows):,} {purpose} images of {store.title} can be read")
        yield pixels, positions


def _shares(chunk: np.ndarray, lanes: np.ndarray | None, workers: int) -> list[np.ndarray]:
    """Return the places in a batch that are read together: all, or those of the lanes of each worker.

    The loader hands its tasks to the workers in turn, so a worker gets the same lanes in every batch.
    """
    if lanes is None or workers < 2:
        return [np.arange(len(chunk))]
    return [np.flatnonzero(lanes[chunk] % workers == worker) for worker in range(workers)]


def _put_together(parts: list[Any], shares: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if len(parts) == 1:
        return parts[0][0].numpy(), parts[0][1].numpy()
    pixels, positions = (np.concatenate([part[i].numpy() for part in parts]) for i in range(2))
    places = np.argsort(np.concatenate(shares))
    return pixels[places], positions[places]


def _require_shared_memory(store: ImageStore, chunks: list[np.ndarray]) -> None:
    """Raise `DataError` if the batches that workers prepare do not fit into shared memory: torch would wait for ever."""
    if not SHARED_MEMORY.is_dir():
        return
    batch = max(map(len, chunks)) * store.image_size**2 * 3
    needed = batch * min(BATCHES_PER_WORKER * store.num_workers, len(chunks))
    free = shutil.disk_usage(SHARED_MEMORY).free
    if needed > free:
        raise DataError(
            f"the processes that read images need {needed / 2**20:,.1f} MiB of shared memory, but {SHARED_MEMORY} has "
            f"{free / 2**20:,.1f} MiB free; lower data.num_workers to {free // (BATCHES_PER_WORKER * batch)}, or give the "
            "container more (docker run --shm-size=8g)"
        )


def next_readable(rows: np.ndarray, unreadable: tuple[int, ...], *, purpose: str, title: str) -> np.ndarray:
    """Return per position in `rows` the first from it on, cyclically, with a readable row; raises `DataError` without one.

    >>> next_readable(np.array([3, 5, 7]), (5, 7), purpose="rating", title="photos").tolist()
    [0, 0, 0]
    """
    readable = np.flatnonzero(~np.isin(rows, unreadable))
    if not len(readable):
        raise DataError(f"none of the {len(rows):,} {purpose} images of {title} can be read")
    return readable[np.searchsorted(readable, np.arange(len(rows))) % len(readable)]


def require_readable_classes(
    store: ImageStore, rows: np.ndarray, labels: np.ndarray, class_names: tuple[str, ...], *, purpose: str
) -> None:
    """Raise `DataError` if a class has images in `rows`, but none that can be read; `labels` are those of all images.

    Images are read until one of each class is readable; those that are not count as unreadable.
    """
    order = rows[np.argsort(labels[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[order], prepend=-1))
    for own in sorted(np.split(order, starts[1:]), key=lambda own: own[0]):  # storage is read from its beginning on
        if not any(_is_readable(store, int(row)) for row in own):
            first = int(own[0])
            raise DataError(
                f"none of the {len(own):,} {purpose} images of class {class_names[labels[first]]!r} of {store.title} can be "
                f"read, such as {store.source.locate(first)} ({store.unreadable.reasons[first]}); replace them, or remove the "
                "class"
            )


def _is_readable(store: ImageStore, row: int) -> bool:
    if row in store.unreadable.reasons:
        return False
    try:
        as_rgb(store.source.read(row))
    except Exception as error:  # decoders can raise anything on damaged files
        store.unreadable.report(row=row, path=store.source.locate(row), reason=first_line(error))
        return False
    return True


class _Samples(torch.utils.data.Dataset[Any]):
    """Images by position, each with the position used (-1 if no image is readable) and the failures before it."""

    def __init__(self, store: ImageStore, rows: np.ndarray, words: tuple[int, ...] | None, *, by_block: bool) -> None:
        self._store = replace(store, pixels=None)  # workers need no copy of the pixels
        source = store.source
        by_block = by_block and source.blocks is not None and is_dense(source.blocks.of, rows)
        self._read = source.stream if by_block and source.stream is not None else source.read
        self._rows = rows
        self._words = words
        self._known = frozenset(store.unreadable.rows)

    def __getitem__(self, position: int) -> tuple[np.ndarray, int, list[Failure]]:
        failures: list[Failure] = []
        for step in range(len(self._rows)):
            shown = (position + step) % len(self._rows)
            row = int(self._rows[shown])
            if row in self._known:
                continue
            try:
                image = as_rgb(self._read(row))
            except Exception as error:  # decoders can raise anything on damaged files
                failures.append((row, first_line(error)))
                if len(failures) > self._store.unreadable.limit:
                    break
            else:
                return self._present(image, int(self._rows[position])), shown, failures
        size = self._store.image_size
        return np.zeros((size, size, 3), dtype=np.uint8), -1, failures

    def _present(self, image: Image.Image, row: int) -> np.ndarray:
        if self._words is None:
            return self._store.centred(image)
        size, augmentation = self._store.image_size, self._store.augmentation
        if augmentation == TWO_VIEW:
            view, words = self._words[-1], (*self._words, row)
            return two_view(image, image_size=size, config=self._store.two_view, view=view, words=words)
        return varied_view(image, image_size=size, augmentation=augmentation, words=(*self._words, row))


def _collate(
    samples: list[tuple[np.ndarray, int, list[Failure]]], size: int
) -> tuple[torch.Tensor, torch.Tensor, list[Failure]]:
    """Collate samples into tensors, which processes can share.

    A process that reads images moves them into shared memory itself: torch would do it later, in a thread whose errors are
    lost, and the training would wait for ever for a batch that did not fit.
    """
    if not samples:
        return torch.zeros(0, size, size, 3, dtype=torch.uint8), torch.zeros(0, dtype=torch.int64), []
    pixels = torch.from_numpy(np.stack([sample[0] for sample in samples]))
    if torch.utils.data.get_worker_info() is not None:
        pixels = pixels.share_memory_()
    positions = torch.tensor([sample[1] for sample in samples], dtype=torch.int64)
    return pixels, positions, [failure for sample in samples for failure in sample[2]]
