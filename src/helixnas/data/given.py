"""Images that a program holds: a torch data set or loader as a source, found again by a name that tells its contents.

The name is a digest of the number of images and of some of them, so the same images continue a run, and others redo it. A run
whose images come from a program can only be continued by a program that gives them again.
"""

import hashlib
import operator
from collections.abc import Iterable
from functools import partial
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset

from helixnas.data.config import GIVEN_PREFIX
from helixnas.data.source import Source, as_rgb, read_array
from helixnas.errors import DataError

NUM_HASHED = 32
"""Images that count for the name, evenly spaced."""

ROUNDING = 1e-3
"""How far floating-point pixels may lie outside of 0 to 1."""

_SOURCES: dict[str, Source] = {}


def register_images(images: Any) -> str:
    """Make a torch data set or loader known as a source, and return its name for `DataConfig.name`.

    An item is an image, or a tuple of an image and a class index. Images are Pillow's, or arrays or tensors of whole numbers
    from 0 to 255 or of floating-point numbers from 0 to 1, (channels, height, width) or (height, width, channels).
    Of a loader, the data set is read; where it has none by index, one pass of its batches is kept in memory.

    Raises:
        DataError: the object is neither, it is empty, an item is no such image, or a label is no whole number from 0.
    """
    dataset: Any = images.dataset if isinstance(images, DataLoader) else images
    is_stream = isinstance(dataset, IterableDataset)
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and not is_stream:
        source = _of_dataset(dataset)
    elif dataset is images and is_stream:
        source = _of_dataset(list(dataset))
    elif isinstance(images, Iterable):
        source = _of_batches(images)
    else:
        raise DataError(
            f"images must be a folder, a torch Dataset or a DataLoader, not {type(images).__name__}, which has neither items by "
            "index nor batches"
        )
    _SOURCES[source.title] = source
    return source.title


def given_source(name: str) -> Source:
    """Return the source of a name; raises `DataError` if this process was not given these images."""
    if name not in _SOURCES:
        raise DataError(
            f"the images {name} were given to search_architecture by a program; call it again with the same images to go on"
        )
    return _SOURCES[name]


def as_image(item: Any) -> Image.Image:
    """Return the image of an item.

    >>> as_image((np.zeros((3, 4, 5), dtype=np.uint8), 1)).size
    (5, 4)
    """
    picture = item[0] if isinstance(item, tuple | list) else item
    if isinstance(picture, Image.Image):
        return picture
    pixels = np.asarray(picture)
    if pixels.ndim == 3 and pixels.shape[0] in (1, 3) and pixels.shape[2] not in (1, 3):
        pixels = pixels.transpose(1, 2, 0)
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 3)):
        raise DataError(f"an image must have 1 or 3 channels, not the shape {tuple(pixels.shape)}")
    if pixels.dtype.kind == "f":
        low, high = float(pixels.min()), float(pixels.max())
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise DataError(
                f"pixels must be from 0 to 1, not {low:.3g} to {high:.3g}; leave normalisation out of the data set's transforms, "
                "because every network normalises by itself"
            )
        pixels = np.rint(255 * pixels.clip(0, 1))
    if pixels.dtype.kind not in "fu" or pixels.max(initial=0) > 255:
        raise DataError(f"pixels must be whole numbers from 0 to 255 or from 0 to 1, not {pixels.dtype}")
    pixels = np.ascontiguousarray(pixels, dtype=np.uint8)
    return Image.fromarray(pixels[:, :, 0] if pixels.ndim == 3 and pixels.shape[2] == 1 else pixels)


def _of_dataset(dataset: Any) -> Source:
    number = len(dataset)
    if number == 0:
        raise DataError("the data set is empty")
    read, first = partial(_read, dataset), dataset[0]
    labels = None
    if isinstance(first, tuple | list) and len(first) > 1:
        known: Any = getattr(dataset, "targets", ())
        is_whole = hasattr(known, "__len__") and len(known) == number
        labels = known if is_whole else [dataset[index][1] for index in range(number)]
    return _named(number, read, labels, getattr(dataset, "classes", ()))


def _read(dataset: Any, index: int) -> Image.Image:
    return as_image(dataset[index])


def _of_batches(batches: Iterable[Any]) -> Source:
    pictures: list[np.ndarray] = []
    labels: list[Any] = []
    for batch in batches:
        images, *rest = batch if isinstance(batch, tuple | list) else (batch,)
        pictures += [np.asarray(as_rgb(as_image(image))) for image in images]
        labels += list(rest[0]) if rest else []
    if not pictures:
        raise DataError("the loader gives no batch")
    if len({picture.shape for picture in pictures}) > 1:
        raise DataError("the images of a loader without a data set must have one size; give a data set instead")
    pixels = np.stack(pictures)
    return _named(len(pixels), partial(read_array, pixels), labels if len(labels) == len(pixels) else None, ())


def _named(number: int, read: Any, labels: Any, names: Any) -> Source:
    """Return the source of images, under a name that tells what they are."""
    found = None if labels is None else np.array([_as_class(label) for label in labels], dtype=np.int64)
    digest = hashlib.sha256(f"{number} {None if found is None else found.tobytes().hex()}".encode())
    for index in np.linspace(0, number - 1, min(number, NUM_HASHED)).astype(int).tolist():
        digest.update(np.asarray(as_rgb(read(index))).tobytes())
    title = f"{GIVEN_PREFIX}{digest.hexdigest()[:12]}"
    classes: tuple[str, ...] = ()
    if found is not None:
        highest = int(found.max())
        classes = tuple(map(str, names)) if len(names) > highest else tuple(map(str, range(highest + 1)))
    return Source(
        title=title,
        num_images=number,
        labels=found,
        class_names=classes,
        read=read,
        locate=partial(_place, title),
    )


def _as_class(label: Any) -> int:
    try:
        found = operator.index(label)
    except TypeError:
        found = -1
    if found < 0:
        raise DataError(f"the label of an image must be a whole number from 0, the number of its class, not {label!r}")
    return found


def _place(title: str, index: int) -> str:
    return f"image {index} of {title}"
