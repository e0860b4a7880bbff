"""Cache of decoded images: all images of a source as one uint8 array, stored on disk between runs.

Decoding a CIFAR-sized JPEG takes longer than augmenting it, and supernet training reads it a hundred times. A small JSON
file holds the checksum of the array, so that damaged or outdated files are detected and replaced.
"""

import hashlib
import json
import logging
import os
import zlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from helixnas.artifacts.files import write_atomically, write_json
from helixnas.data.source import Source, as_rgb
from helixnas.data.unreadable import UnreadableImages
from helixnas.errors import ArtifactError, DataError, first_line

MAX_CACHE_BYTES, MAX_CACHE_PIXELS = 2**30, 96
"""Largest decoded data set, and longest side of its images, that is cached by default."""

MIN_KEPT_BYTES = 2**20
"""Smaller data sets are decoded in well under a second and not stored on disk."""

Progress = Callable[[int, int], None]
"""Called with the number of images decoded so far and in total."""

_VERSION = 1
_logger = logging.getLogger(__name__)


def decode(
    source: Source,
    *,
    cache: bool | Literal["auto"],
    unreadable: UnreadableImages,
    progress: Progress | None = None,
) -> UInt8[np.ndarray, "images height width 3"] | None:
    """Return all images of a source at their stored size, or None if they should be decoded one by one.

    Unreadable images are reported and stay black. Raises `DataError` if `cache` is True and the images are not all of
    one size, or too many are unreadable.
    """
    if cache is False:
        return None
    pixels = _load(source, unreadable=unreadable)
    if pixels is None:
        pixels = _decode_all(source, cache=cache, unreadable=unreadable, progress=progress)
        if pixels is not None and source.fingerprint and pixels.nbytes >= MIN_KEPT_BYTES:
            _keep(source, pixels, unreadable)
    return pixels if pixels is None or cache is True or _is_small(pixels.shape) else None


def _decode_all(
    source: Source, *, cache: Literal[True, "auto"], unreadable: UnreadableImages, progress: Progress | None
) -> np.ndarray | None:
    """Decode all images, or return None as soon as one shows that they should not be cached."""
    if source.pixels is not None:
        return _in_colour(source.pixels)
    pixels: np.ndarray | None = None
    example = 0
    step = max(1, source.num_images // 100)
    for row in range(source.num_images):
        try:
            image = np.asarray(as_rgb(source.read(row)))
        except Exception as error:  # decoders can raise anything on damaged files
            unreadable.report(row=row, path=source.locate(row), reason=first_line(error))
        else:
            if pixels is None:
                shape = (source.num_images, *image.shape)
                if cache == "auto" and not _is_small(shape):
                    return None
                pixels, example = np.zeros(shape, dtype=np.uint8), row
            if image.shape != pixels.shape[1:]:
                if cache == "auto":
                    return None
                first, other = (f"{each.shape[1]}x{each.shape[0]}" for each in (pixels[example], image))
                raise DataError(
                    f"data.cache=true needs images of one size, but {source.locate(example)} has {first} pixels and "
                    f"{source.locate(row)} {other}; set it to auto"
                )
            pixels[row] = image
        if progress and ((row + 1) % step == 0 or row + 1 == source.num_images):
            progress(row + 1, source.num_images)
    return pixels


def _in_colour(
    pixels: UInt8[np.ndarray, "images height width *channels"],
) -> UInt8[np.ndarray, "images height width 3"]:
    """Return images with three channels; grey is repeated, as `as_rgb` does."""
    return pixels if pixels.ndim == 4 else np.repeat(pixels[..., np.newaxis], 3, axis=3)


def cache_folder() -> Path | None:
    """Return the folder of the cache: $HELIXNAS_CACHE, or ~/.cache/helixnas; None for a user without a home folder."""
    try:
        return Path(os.environ.get("HELIXNAS_CACHE") or "~/.cache/helixnas").expanduser()
    except RuntimeError:
        return None


def _is_small(shape: tuple[int, ...]) -> bool:
    """Return whether images of this array shape are cached by default."""
    return max(shape[1:3]) <= MAX_CACHE_PIXELS and int(np.prod(shape, dtype=np.int64)) <= MAX_CACHE_BYTES


def _files(source: Source, folder: Path) -> tuple[Path, Path]:
    """Return the array and the description file of a source; there is one pair per title, so outdated ones are replaced."""
    stem = hashlib.sha256(source.title.encode(errors="surrogateescape")).hexdigest()[:24]
    return folder / f"{stem}.npy", folder / f"{stem}.json"


def _load(source: Source, *, unreadable: UnreadableImages) -> np.ndarray | None:
    """Return the cached array, or None if there is none or it is outdated or, with a warning, damaged."""
    folder = cache_folder()
    if source.fingerprint is None or folder is None:
        return None
    array_file, note_file = _files(source, folder)
    try:
        if not note_file.exists():
            return None
        note = json.loads(note_file.read_text())
        if note["version"] != _VERSION or note["fingerprint"] != source.fingerprint():
            return None
        pixels: np.ndarray = np.load(array_file, allow_pickle=False)
        if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[0] != source.num_images or pixels.shape[3] != 3:
            raise ValueError(f"it holds {pixels.dtype} of shape {pixels.shape}")
        if zlib.crc32(pixels.data) != note["crc32"]:
            raise ValueError("its checksum is wrong")
        failures = {int(row): str(reason) for row, reason in note["unreadable"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, EOFError) as error:
        _logger.warning("decoding %s again, because the cache file %s is damaged: %s", source.title, array_file, error)
        return None
    for row, reason in sorted(failures.items()):
        unreadable.report(row=row, path=source.locate(row), reason=reason)
    return pixels


def _keep(source: Source, pixels: np.ndarray, unreadable: UnreadableImages) -> None:
    """Write the array, then the description, each whole or not at all; a failure is only logged."""
    assert source.fingerprint
    folder = cache_folder()
    if folder is None:
        _logger.warning(
            "the decoded images of %s are not cached, because this user has no home folder; set HELIXNAS_CACHE to a folder",
            source.title,
        )
        return
    array_file, note_file = _files(source, folder)
    note = {
        "version": _VERSION,
        "source": source.title,
        "fingerprint": source.fingerprint(),
        "crc32": zlib.crc32(pixels.data),
        "unreadable": {str(row): reason for row, reason in unreadable.reasons.items()},
    }
    try:
        write_atomically(array_file, partial(_save, pixels))
        write_json(note_file, note)
    except ArtifactError as error:
        _logger.warning("the decoded images of %s cannot be cached and will be decoded again: %s", source.title, error)


def _save(pixels: np.ndarray, path: Path) -> None:
    """Write an array to exactly this path; given a path, numpy would add a suffix."""
    with path.open("wb") as file:
        np.save(file, pixels, allow_pickle=False)
