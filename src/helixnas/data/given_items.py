"""What a data set of a program gives: the image and the class of an item, and the classes that it lists beforehand.

Data sets and their transforms raise anything, and give anything. All of it is checked here, so that an error names the item.
"""

import operator
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor
from torch.utils.data import ConcatDataset, Subset

from helixnas.data.source import MOST_CLASSES
from helixnas.errors import DataError, HelixError, first_line

ROUNDING = 1e-3
"""How far floating-point pixels may lie outside of 0 to 1."""

PLAIN, TRANSPARENT = (1, 3), (4,)
"""Numbers of channels of an image: grey or RGB, and RGBA."""


def as_image(item: Any) -> Image.Image:
    """Return the image of an item, which is one or a tuple that begins with one.

    Raises:
        DataError: it is neither Pillow's nor an array or a tensor, or its shape or its values are not those of an image.

    >>> as_image((np.zeros((3, 4, 5), dtype=np.uint8), 1)).size
    (5, 4)
    """
    picture: Any = item[0] if isinstance(item, tuple | list) and item else item
    if isinstance(picture, Image.Image):
        return picture
    if isinstance(picture, Tensor):
        picture = picture.detach().cpu()
        picture = picture.float() if picture.is_floating_point() else picture  # NumPy has no bfloat16
    elif not hasattr(picture, "__array__"):
        raise DataError(
            "an item must be an image or a pair (image, class), the image from Pillow, an array or a tensor, not "
            f"{in_words(picture)}"
        )
    pixels = _as_bytes(_channels_last(np.asarray(picture)))
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def class_of(item: Any) -> int | None:
    """Return the class of an item; None if it is an image alone.

    >>> class_of(("image", 3)), class_of("image")
    (3, None)
    """
    return as_class(item[1]) if isinstance(item, tuple | list) and len(item) > 1 else None


def as_class(label: Any) -> int:
    """Return a label as the index of a class; raises `DataError` if it is none."""
    try:
        found = operator.index(label)
    except TypeError:
        found = -1
    if found < 0:
        raise DataError(f"the label of an image must be a whole number from 0, the number of its class, not {label!r}")
    if found >= MOST_CLASSES:
        raise DataError(f"the label {found:,} of an image is too large; number the classes 0, 1, 2, ...")
    return found


def listed_classes(dataset: Any) -> list[int] | None:
    """Return the classes of all items that a data set lists as `targets` or `labels`; None where only the items tell.

    Of torch's `Subset` and `ConcatDataset`, they are those of their parts.
    """
    if _may_change_classes(dataset):
        return None
    if isinstance(dataset, ConcatDataset):
        parts = [listed_classes(part) for part in dataset.datasets]
        known = [part for part in parts if part is not None]
        return [*chain(*known)] if len(known) == len(parts) else None
    try:
        if isinstance(dataset, Subset):
            whole = listed_classes(dataset.dataset)
            return None if whole is None else [whole[index] for index in dataset.indices]
        listed: Any = getattr(dataset, "targets", None)
        listed = getattr(dataset, "labels", None) if listed is None else listed
        found = [operator.index(label) for label in (listed.tolist() if hasattr(listed, "tolist") else listed)]
    except (TypeError, IndexError):
        return None
    return found if len(found) == len(dataset) else None


def listed_names(dataset: Any) -> tuple[str, ...]:
    """Return the names of its classes that a data set lists as `classes`; empty if none belong to the classes of the items."""
    if getattr(dataset, "target_transform", None) is not None:
        return ()
    if isinstance(dataset, Subset):
        return listed_names(dataset.dataset)
    if isinstance(dataset, ConcatDataset):
        names = {listed_names(part) for part in dataset.datasets}
        return names.pop() if len(names) == 1 else ()
    listed: Any = getattr(dataset, "classes", ())
    if not isinstance(listed, Iterable):
        return ()
    return tuple(", ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in listed)


@contextmanager
def naming(index: int, kind: str = "item") -> Generator[None]:
    """Turn whatever is raised while an item, or a batch, is read into a `DataError` that names it."""
    try:
        yield
    except Exception as error:  # of the data set, its transforms and decoders
        known = isinstance(error, HelixError)
        reason = f"{error}" if known else f"it cannot be read: {first_line(error)} ({type(error).__name__})"
        raise DataError(f"{kind} {index} of the images: {reason}") from error


def in_words(value: Any) -> str:
    """Return what kind of object a value is.

    >>> in_words({"image": 1, "label": 2}), in_words("cat.jpg")
    ("a dict with the keys 'image', 'label'", 'str')
    """
    if not isinstance(value, Mapping):
        return type(value).__name__
    return f"a {type(value).__name__} with the keys {', '.join(repr(key) for key in [*value][:5])}"


def _may_change_classes(dataset: Any) -> bool:
    """Return whether items may have other classes than the listed ones, by torchvision's transforms of targets."""
    both: Any = getattr(dataset, "transforms", None)
    of_targets = getattr(both, "target_transform", both)  # torchvision joins `transform` and `target_transform` in one
    return getattr(dataset, "target_transform", None) is not None or of_targets is not None


def _channels_last(pixels: np.ndarray) -> np.ndarray:
    """Return pixels in the order (height, width) or (height, width, channels)."""
    if not pixels.size:
        raise DataError(f"an image must have pixels, but its shape is {pixels.shape}")
    if pixels.ndim == 2:
        return pixels
    for channels in (PLAIN, TRANSPARENT) if pixels.ndim == 3 else ():
        if pixels.shape[2] in channels:
            return pixels
        if pixels.shape[0] in channels:
            return pixels.transpose(1, 2, 0)
    raise DataError(f"an image must have 1, 3 or 4 channels, not the shape {pixels.shape}")


def _as_bytes(pixels: np.ndarray) -> np.ndarray:
    """Return pixels as whole numbers from 0 to 255 of one byte."""
    kind = pixels.dtype.kind
    if kind not in "fiu":
        raise DataError(f"pixels must be whole numbers from 0 to 255, or floats from 0 to 1, not {pixels.dtype}")
    if not np.isfinite(pixels).all():
        raise DataError("pixels must be finite numbers, but the image holds NaN or infinite ones")
    low, high = pixels.min(), pixels.max()
    if kind == "f":
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise DataError(
                f"pixels must be from 0 to 1, not {low:.3g} to {high:.3g}; leave normalisation out of the data set's transforms, "
                "because every network normalises by itself"
            )
        pixels = np.rint(255 * pixels.clip(0, 1))
    elif low < 0 or high > 255:
        raise DataError(f"pixels must be whole numbers from 0 to 255, not from {low} to {high}")
    return np.ascontiguousarray(pixels, dtype=np.uint8)
