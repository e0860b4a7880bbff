"""Feature cache: the teacher's features of a fixed pool of augmented views, in files that cells, blocks and jobs share.

The pool holds every training image in `num_views` views. View v is what epoch v shows without a cache, so a pool with a view per
epoch changes nothing but the precision: Y_1 .. Y_N are float16; the view itself is kept in bytes, exactly. It is filled once,
in segments that several processes take one by one. A segment without its marker was never finished and is computed again.
"""

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock, Timeout
from torch import Tensor

from helixnas.artifacts.files import write_json
from helixnas.artifacts.run_record import config_key
from helixnas.data import Batch, ImageSet
from helixnas.engine.runtime import Runtime
from helixnas.errors import ArtifactError, ConfigError
from helixnas.teacher import Teacher

SEGMENT = 64
"""Batches of a segment: the most that a killed process loses."""

NUM_PROBED = 64
"""Images whose pixels, evenly spaced, are part of a pool's name."""

SECONDS_BETWEEN_LOOKS = 0.5
"""Time between two looks at the segments that other processes compute."""

PIXEL, VALUE = 1, 2
"""Bytes of a pixel's channel and of a feature."""

Progress = Callable[[int], None]
"""Called with the number of segments that are done."""


def pool_bytes(num_rows: int, image_size: int, shapes: Sequence[tuple[int, int, int]]) -> int:
    """Return the bytes of so many views of images, with features of (channels, height, width) at every boundary.

    >>> pool_bytes(1000, 32, [(16, 8, 8), (32, 4, 4)])
    6144000
    """
    return num_rows * (PIXEL * 3 * image_size**2 + VALUE * sum(int(np.prod(shape)) for shape in shapes))


@dataclass(eq=False)
class FeaturePool:
    """The pool of one teacher and one set of training images, in a sub-folder of `home` that is named by what it depends on.

    `origin` names what else decides the images, such as the contents of their folder.
    """

    home: Path
    teacher: Teacher
    images: ImageSet
    num_views: int
    batch_size: int
    runtime: Runtime
    seed: int
    origin: str = ""

    def __post_init__(self) -> None:
        size = (self.images.image_size, self.images.image_size)
        sizes: tuple[tuple[int, int], ...] | list[tuple[int, int]] = self.teacher.feature_sizes
        if size != tuple(self.teacher.input_size):
            with torch.no_grad(), self.runtime.autocast():
                blank = self.runtime.images(torch.zeros(1, 3, *size))
                sizes = [(each.shape[2], each.shape[3]) for each in self.teacher.features(blank)[1:]]
        self.shapes = [(width, *size) for width, size in zip(self.teacher.widths, sizes, strict=True)]
        per_view = -(-self.images.num_batches(self.batch_size, drop_last=False) // SEGMENT)
        self.segments = [(view, part) for view in range(self.num_views) for part in range(per_view)]
        self.folder = self.home / self._name()
        self._open: dict[int, np.memmap[Any, Any]] = {}

    @property
    def num_bytes(self) -> int:
        """Bytes of all files."""
        return pool_bytes(self.num_views * len(self.images), self.images.image_size, self.shapes)

    def __str__(self) -> str:
        views = "1 view" if self.num_views == 1 else f"{self.num_views:,} views"
        return f"features of {views} of {len(self.images):,} images, {self.num_bytes / 2**30:,.2f} GiB in {self.folder}"

    def _name(self) -> str:
        """Return a hash of all that the pool depends on; the machine is not part of it."""
        layers = re.sub(r"0x[0-9a-f]+", "", str(self.teacher.model))  # places in memory differ between processes
        digest = hashlib.sha256(f"{self.teacher.boundaries} {layers}".encode())
        for name, tensor in self.teacher.state_dict().items():
            digest.update(
                name.encode() + tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
            )
        images, store = self.images, self.images.store
        digest.update(images.rows.tobytes())
        probe = images.subset(range(0, len(images), -(-len(images) // NUM_PROBED)))
        for batch in probe.batches(batch_size=NUM_PROBED, seed=0, augment=False, shuffle=False):
            digest.update(as_bytes(batch.images).tobytes())
        how = (store.title, store.augmentation, store.interpolation, store.two_view, self.origin)
        settings = {
            "seed": self.seed,
            "views": self.num_views,
            "batch_size": self.batch_size,
            "image_size": images.image_size,
            "precision": self.runtime.precision,
            "images": str(how),
        }
        return config_key(settings, digest.hexdigest())[:16]

    def missing(self) -> list[tuple[int, int]]:
        """Return the segments, each a view and a part of the images, that no process has finished."""
        return [segment for segment in self.segments if not self._marker(segment).exists()]

    def prepare(self) -> None:
        """Make the files, all of their final length, and remove pools of other teachers, images or settings.

        Raises `ConfigError` if the disk has no room for them.
        """
        if not self.missing():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with FileLock(self.folder / "files.lock"):
            for other in self.home.iterdir():
                if other.is_dir() and other != self.folder:
                    shutil.rmtree(other, ignore_errors=True)
            there = sum(file.stat().st_blocks * 512 for file in self.folder.glob("y*"))
            needed, free = self.num_bytes - there, shutil.disk_usage(self.folder).free
            if needed > free:
                raise ConfigError(
                    f"distill.feature_cache={self.num_views} needs {needed / 2**30:,.2f} GiB, but the disk of {self.home} has "
                    f"{free / 2**30:,.2f} GiB free; choose fewer views or blocks of fewer features, or 0 for no cache"
                )
            rows = self.num_views * len(self.images)
            for number in range(len(self.shapes) + 1):
                with self._file(number).open("ab") as file:
                    file.truncate(rows * self._row_bytes(number))
            note = {"views": self.num_views, "images": len(self.images), "shapes": [list(each) for each in self.shapes]}
            write_json(self.folder / "pool.json", note)

    def fill(self, progress: Progress = lambda done: None) -> None:
        """Compute the segments that are missing, beside other processes that do the same, and wait until all are done.

        Raises:
            ConfigError: a feature is too large for float16, or the disk has no room.
            ArtifactError: a file cannot be written.
        """
        self.prepare()
        while missing := self.missing():
            taken = 0
            for segment in missing:
                with suppress(Timeout), FileLock(self._marker(segment).with_suffix(".lock"), timeout=0):
                    if not self._marker(segment).exists():
                        self._compute(segment)
                        taken += 1
                        progress(len(self.segments) - len(self.missing()))
            if not taken:
                time.sleep(SECONDS_BETWEEN_LOOKS)
        progress(len(self.segments))

    def _compute(self, segment: tuple[int, int]) -> None:
        view, part = segment
        files = [os.open(self._file(number), os.O_WRONLY) for number in range(len(self.shapes) + 1)]
        row = view * len(self.images) + part * SEGMENT * self.batch_size
        try:
            for batch in islice(self._batches(view, part * SEGMENT), SEGMENT):
                for number, values in enumerate(self._values(batch)):
                    write_at(files[number], memoryview(values.data).cast("B"), row * self._row_bytes(number))
                row += len(batch.images)
            for file in files:
                os.fsync(file)
            self._marker(segment).touch()
        except OSError as error:
            raise ArtifactError(f"cannot write {self.folder}: {error.strerror or error}") from error
        finally:
            for file in files:
                os.close(file)

    def _batches(self, view: int, skip: int) -> Iterator[Batch]:
        return self.images.batches(
            batch_size=self.batch_size, seed=self.seed, epoch=view, augment=True, shuffle=False, skip=skip
        )

    @torch.no_grad()
    def _values(self, batch: Batch) -> Iterator[np.ndarray]:
        """Yield the pixels of a batch and Y_1 .. Y_N, channels last, as they are stored."""
        yield as_bytes(batch.images)
        with self.runtime.autocast():
            features = self.teacher.features(self.runtime.images(batch.images))
        for number, values in enumerate(features[1:], start=1):
            halves = values.permute(0, 2, 3, 1).to(torch.float16)
            if not bool(torch.isfinite(halves).all()):
                raise ConfigError(
                    f"the teacher's Y_{number} has values beyond float16 (above 65,504 or not finite), so its features cannot "
                    "be cached; give distill.feature_cache=0, or distill.features=standardized"
                )
            yield halves.contiguous().cpu().numpy()

    def read(self, number: int, rows: np.ndarray) -> Tensor:
        """Return Y_k of rows of the pool, in float32 on the device; of 0, the normalised images.

        Row v * n + i is view v of image i of n.
        """
        stored = torch.from_numpy(self._stored(number)[rows])
        if not number:
            images = self.runtime.images(stored.permute(0, 3, 1, 2).to(torch.float32).div_(255))
            return self.teacher.normalize(images)
        moved = stored.to(self.runtime.device, non_blocking=True).to(torch.float32).permute(0, 3, 1, 2)
        return moved.contiguous(memory_format=self.runtime.memory_format)

    def _stored(self, number: int) -> "np.memmap[Any, Any]":
        if number not in self._open:
            rows = self.num_views * len(self.images)
            kind = np.float16 if number else np.uint8
            self._open[number] = np.memmap(self._file(number), kind, "r", shape=(rows, *self._row_shape(number)))
        return self._open[number]

    def _row_shape(self, number: int) -> tuple[int, ...]:
        if not number:
            return (self.images.image_size, self.images.image_size, 3)
        channels, height, width = self.shapes[number - 1]
        return (height, width, channels)

    def _row_bytes(self, number: int) -> int:
        return int(np.prod(self._row_shape(number))) * (VALUE if number else PIXEL)

    def _file(self, number: int) -> Path:
        return self.folder / (f"y{number}.float16" if number else "y0.uint8")

    def _marker(self, segment: tuple[int, int]) -> Path:
        return self.folder / f"segment-{segment[0]}-{segment[1]}.done"


def write_at(file: int, content: memoryview, place: int) -> None:
    """Write all of `content` from byte `place` of an open file on; the system may write it in parts."""
    while content:
        written = os.pwrite(file, content, place)
        content, place = content[written:], place + written


def as_bytes(images: Tensor) -> np.ndarray:
    """Return images in [0, 1] as the bytes they come from, (batch, height, width, 3)."""
    return images.permute(0, 2, 3, 1).mul(255).round().to(torch.uint8).contiguous().cpu().numpy()
