"""Sources: images by index, in any storage, with labels and names that are known without decoding.

Files in a folder and members of tars and WebDataset shards are all spans of bytes in a file. One class reads them and
keeps no file open, so it can be passed to worker processes, forked or spawned, without sharing a file position.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image

from helixnas.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Images by index, with labels and names; only `read` decodes."""

    title: str
    """Name and place, for messages; sources with the same title are the same."""

    num_images: int
    labels: Int64[np.ndarray, " images"] | None
    class_names: tuple[str, ...]
    """Class names by index, which labels are; empty without labels."""

    read: Callable[[int], Image.Image]
    """Returns the image at an index, in any mode; can raise anything that decoders raise."""

    locate: Callable[[int], str]
    """Returns the path of the image at an index, for messages."""

    fingerprint: Callable[[], str] | None = None
    """Returns a text that changes with the files; None if decoded images should not be cached on disk."""


class Span(NamedTuple):
    """An encoded image: its file, its name there, and its bytes; by default, the whole file."""

    file: str
    name: str = ""
    offset: int = 0
    size: int = -1


class FileSpans:
    """Encoded images as spans of bytes: whole files, or members of uncompressed tars."""

    def __init__(self, spans: Iterable[Span]) -> None:
        spans = list(spans)
        self._files = [span.file for span in spans]
        self._names = [span.name for span in spans]
        self._offsets = np.array([span.offset for span in spans], dtype=np.int64)
        self._sizes = np.array([span.size for span in spans], dtype=np.int64)

    def __len__(self) -> int:
        return len(self._files)

    def read(self, index: int) -> Image.Image:
        """Return the image at an index; raises Pillow's errors."""
        with Path(self._files[index]).open("rb") as file:
            file.seek(int(self._offsets[index]))
            return Image.open(io.BytesIO(file.read(int(self._sizes[index]))))

    def locate(self, index: int) -> str:
        """Return the path of the image at an index; `TAR!MEMBER` in a tar."""
        name = self._names[index]
        return f"{self._files[index]}!{name}" if name else self._files[index]

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and modification times of the files."""
        digest = hashlib.sha256()
        for file in dict.fromkeys(self._files):
            status = Path(file).stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def read_array(pixels: UInt8[np.ndarray, "images height width *channels"], index: int) -> Image.Image:
    """Return the image at an index of an array."""
    return Image.fromarray(pixels[index])


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert an image to three 8-bit channels: grey is repeated, 16-bit grey scaled, transparency dropped.

    Raises:
        DataError: the pixels are floating-point numbers, whose range is unknown.

    >>> as_rgb(Image.new("L", (1, 1), 7)).getpixel((0, 0))
    (7, 7, 7)
    """
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode == "F":
        raise DataError("its pixels are floating-point numbers of unknown range; convert it to 8- or 16-bit pixels")
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image, dtype=np.int64) // 257, 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def find_root(root: str) -> Path:
    """Return the path of `root`, absolute, in the current folder or in $HELIXNAS_DATA; raises `DataError` without one.

    >>> find_root("/").as_posix()
    '/'
    """
    if not root:
        raise DataError("data.root is empty; name a folder or a tar of images, or set data.name to a data set")
    path = Path(root).expanduser()
    beside = os.environ.get("HELIXNAS_DATA", "")
    candidates = [path] if path.is_absolute() else [Path.cwd() / path, *([Path(beside) / path] if beside else [])]
    for candidate in candidates:
        if candidate.exists():
            return candidate.resolve()
    if path.is_absolute():
        raise DataError(f"there is no file or folder {path}")
    second = f"nor in $HELIXNAS_DATA, {beside}" if beside else "and $HELIXNAS_DATA is not set"
    raise DataError(f"there is no {root!r} in the current folder, {Path.cwd()}, {second}")
