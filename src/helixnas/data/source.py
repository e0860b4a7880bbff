"""A source: images by index, whatever they are stored in, and what is known of them without decoding one.

Files in a folder, members of a tar and of WebDataset shards are all spans of bytes in a file, read by one class that
keeps nothing open: it can be handed to worker processes, forked or spawned, without sharing a file position.
"""

import io
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64
from PIL import Image

from helixnas.errors import DataError


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """Images by index, with labels and names; nothing is decoded before `read`."""

    title: str
    """What it is and where, for messages; two sources of one title are the same."""

    num_images: int
    """How many images there are, readable or not."""

    labels: Int64[np.ndarray, " images"] | None
    """Class index of each image, or None."""

    class_names: tuple[str, ...]
    """Names of the classes in the order of their index; empty without labels."""

    read: Callable[[int], Image.Image]
    """The image at an index, in any mode; raises whatever the decoder raises."""

    locate: Callable[[int], str]
    """The path of the image at an index, for messages."""

    fingerprint: Callable[[], str] | None = None
    """A text that changes with the files, or None where decoding is not worth keeping on disk."""


class FileSpans:
    """Encoded images as spans of bytes: whole files, or members of uncompressed tars."""

    def __init__(
        self, *, files: Sequence[str], names: Sequence[str], offsets: Sequence[int], sizes: Sequence[int]
    ) -> None:
        """Take, for each image, its file, its name there ("" for a whole file), and the span; size -1 is to the end."""
        self._files = list(files)
        self._names = list(names)
        self._offsets = np.asarray(offsets, dtype=np.int64)
        self._sizes = np.asarray(sizes, dtype=np.int64)

    def __len__(self) -> int:
        """The number of images."""
        return len(self._files)

    def read(self, index: int) -> Image.Image:
        """The image at an index; raises what Pillow raises where it cannot be opened."""
        with Path(self._files[index]).open("rb") as file:
            file.seek(int(self._offsets[index]))
            return Image.open(io.BytesIO(file.read(int(self._sizes[index]))))

    def locate(self, index: int) -> str:
        """The path of the image at an index; of a tar's member, `TAR!MEMBER`."""
        name = self._names[index]
        return f"{self._files[index]}!{name}" if name else self._files[index]

    def fingerprint(self) -> str:
        """Names, sizes and modification times of the files in one text."""
        import hashlib

        digest = hashlib.sha256()
        for file in dict.fromkeys(self._files):
            status = Path(file).stat()
            digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode(errors="surrogateescape"))
        return digest.hexdigest()


def as_rgb(image: Image.Image) -> Image.Image:
    """The image in three 8-bit channels: grey is repeated, 16-bit grey scaled, transparency dropped.

    Raises:
        DataError: the pixels are floating-point numbers, whose range nothing tells.

    Example:
        >>> as_rgb(Image.new("L", (1, 1), 7)).getpixel((0, 0))
        (7, 7, 7)
    """
    if image.mode == "RGB":
        image.load()
        return image
    if image.mode == "F":
        raise DataError("its pixels are floating-point numbers of unknown range; 8- or 16-bit pixels would be right")
    if image.mode.startswith("I"):
        grey = np.clip(np.asarray(image, dtype=np.int64) // 257, 0, 255).astype(np.uint8)
        return Image.fromarray(grey).convert("RGB")
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")
    return image.convert("RGB")


def find_root(root: str) -> Path:
    """The folder or file that `root` names: as it is, in the current folder, or in $HELIXNAS_DATA.

    Raises:
        DataError: it is in none of these places.

    Example:
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
    second = f"nor in $HELIXNAS_DATA, {beside}" if beside else "and $HELIXNAS_DATA, the second place, is not set"
    raise DataError(f"there is no {root!r} in the current folder, {Path.cwd()}, {second}")
