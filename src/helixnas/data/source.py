"""Sources: images by index, in any storage, with labels and names that are known without decoding.

Files in a folder and members of tars and WebDataset shards are all spans of bytes in a file. One class reads them and
keeps no file open, so it can be passed to worker processes, forked or spawned, without sharing a file position.
"""

import hashlib
import io
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from helixnas.errors import DataError

MOST_CLASSES = 1_000_000
"""Larger numbers of classes are probably keys of a database; every number up to the largest has a class."""


@dataclass(frozen=True, slots=True)
class Span:
    """The bytes of an encoded image: a whole file, or a member of an uncompressed tar."""

    file: str
    """Path of the file."""

    name: str = ""
    """Name of the member; empty for a whole file."""

    offset: int = 0
    """First byte."""

    size: int = -1
    """Number of bytes; -1 for all until the end of the file."""

    def __str__(self) -> str:
        return f"{self.file}!{self.name}" if self.name else self.file

    def num_bytes(self) -> int:
        """Return the number of bytes."""
        return self.size if self.size >= 0 else Path(self.file).stat().st_size - self.offset

    def contents(self, last: int | None = None) -> bytes:
        """Return all bytes, or only the `last` ones."""
        number = self.num_bytes()
        skip = 0 if last is None else max(0, number - last)
        with Path(self.file).open("rb") as file:
            file.seek(self.offset + skip)
            return file.read(number - skip)


@dataclass(frozen=True, kw_only=True, eq=False)
class Blocks:
    """The blocks in which the images of a source are stored."""

    of: Int64[np.ndarray, " images"]
    """Number of the block of each image, ascending."""

    num_bytes: int
    """Bytes of a mean block."""

    is_whole: bool
    """Whether an image can only be read with its whole block."""

    def window(self, memory: int) -> int:
        """Return how many mean blocks fit into so many bytes of memory, at least 1."""
        return max(1, memory // max(1, self.num_bytes))


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

    spans: Sequence[Span] | None = None
    """Where the images lie, if they are in files."""

    shards: tuple[str, ...] = ()
    """Paths of the shards, if the images are in some."""

    blocks: Blocks | None = None
    """The blocks of storage that are worth reading whole, of shards."""

    pixels: UInt8[np.ndarray, "images height width *channels"] | None = None
    """What `read` returns, as an array, for images that are in memory anyway: grey, or with three channels."""

    stream: Callable[[int], Image.Image] | None = None
    """Reads as `read` does, but a whole block at a time, for orders that use a block up before they leave it."""


class FileSpans:
    """Images in files."""

    def __init__(self, spans: Sequence[Span]) -> None:
        self.spans = list(spans)

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self.spans)

    def read(self, index: int) -> Image.Image:
        """Return the image at an index; raises Pillow's errors."""
        return open_image(self.spans[index].contents())

    def locate(self, index: int) -> str:
        """Return the path of the image at an index; `TAR!MEMBER` in a tar."""
        return str(self.spans[index])

    def fingerprint(self) -> str:
        """Return a hash of names, sizes and modification times of the files."""
        return hash_of_files(dict.fromkeys(span.file for span in self.spans))


def hash_of_files(files: Iterable[str], root: Path = Path()) -> str:
    """Return a hash of names, sizes and modification times of files, which are named from `root` on."""
    digest = hashlib.sha256()
    for file in files:
        status = (root / file).stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def numbered_classes(highest: int, title: str) -> tuple[str, ...]:
    """Return the names of classes that are numbers from 0 to the `highest`.

    Raises `DataError` where there would be more than `MOST_CLASSES`.

    >>> numbered_classes(2, "pets")
    ('0', '1', '2')
    """
    if highest >= MOST_CLASSES:
        raise DataError(
            f"the classes of {title} are numbers up to {highest:,}; number them 0, 1, 2, ..., below {MOST_CLASSES:,}"
        )
    return tuple(map(str, range(highest + 1)))


def open_image(content: bytes) -> Image.Image:
    """Return an encoded image, not yet decoded; raises Pillow's errors."""
    try:
        return Image.open(io.BytesIO(content))
    except UnidentifiedImageError as error:
        raise DataError("it is not an image that Pillow reads") from error


def read_array(pixels: UInt8[np.ndarray, "images height width *channels"], index: int) -> Image.Image:
    """Return the image at an index of an array."""
    return Image.fromarray(pixels[index])


def read_upright(read: Callable[[int], Image.Image], index: int) -> Image.Image:
    """Return the image at an index, turned as its EXIF data say."""
    return upright(read(index))


def upright(image: Image.Image) -> Image.Image:
    """Return an image turned as its EXIF data say; unreadable EXIF data turn nothing."""
    image.load()  # some formats have their EXIF data behind the pixels
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        return image


def as_rgb(image: Image.Image) -> Image.Image:
    """Convert an image to three 8-bit channels: grey is repeated, 16-bit grey scaled, transparency dropped.

    32-bit whole numbers are scaled by the image's own smallest and largest value, which become 0 and 255.

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
    if image.mode == "I":
        values = np.asarray(image, dtype=np.int64)
        low, spread = values.min(), max(1, np.ptp(values))
        return Image.fromarray(((values - low) * 255 // spread).astype(np.uint8)).convert("RGB")
    if image.mode.startswith("I;16"):
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
