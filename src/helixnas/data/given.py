"""Images that a program holds: a torch data set or loader as a source, found again by a name that tells its contents.

The name is a digest of the number of images, of their classes and of some of them, so the same images continue a run, and others
redo it. Images that differ each time they are read could never continue one, so they are refused. A run whose images come from a
program can only be continued by a program that gives them again.
"""

import hashlib
import logging
import operator
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import count
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset

from helixnas.data.config import GIVEN_PREFIX
from helixnas.data.given_items import as_class, as_image, class_of, in_words, listed_classes, listed_names, naming
from helixnas.data.source import Source, as_rgb, read_array
from helixnas.errors import DataError, first_line

NUM_HASHED = 32
"""Images that count for the name, evenly spaced."""

PATIENCE = 10.0
"""Seconds of reading items for their classes until a line of the log tells why it takes long."""

_SOURCES: dict[str, Source] = {}
_END = object()
_logger = logging.getLogger(__name__)


def register_images(images: Any) -> str:
    """Make a torch data set or loader known as a source, and return its name for `DataConfig.name`.

    An item is an image, or a tuple of an image and a class index. Images are Pillow's, or arrays or tensors of whole numbers
    from 0 to 255 or of floating-point numbers from 0 to 1, (channels, height, width) or (height, width, channels).
    Of a loader, the data set is read, or the part of it that a subset sampler takes; where it has none by index, one pass of its
    batches is kept in memory. Classes that the data set lists as `targets` or `labels` save reading all items for them.

    Raises:
        DataError: the object is neither, it is empty, an item is no such image or differs when it is read again, a label is no
            whole number from 0, or a loader has a sampler whose indices are not known.
    """
    dataset: Any = _read_by(images) if isinstance(images, DataLoader) else images
    is_stream = isinstance(dataset, IterableDataset)
    if isinstance(dataset, Mapping) and 0 not in dataset:
        raise DataError(f"images must be one data set, not {in_words(dataset)}; give one of its values")
    if hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__") and not is_stream:
        source = _of_dataset(dataset)
    elif dataset is images and is_stream:
        source = _of_dataset(_kept(dataset))
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


def _read_by(loader: DataLoader[Any]) -> Any:
    """Return the data set of a loader, or the part of it that its sampler takes."""
    dataset, batches = loader.dataset, loader.batch_sampler
    if isinstance(dataset, IterableDataset):
        return dataset
    sampler: Any = loader.sampler if batches is None else getattr(batches, "sampler", batches)
    if type(sampler) in (SequentialSampler, RandomSampler):
        return dataset if sampler.data_source is dataset else Subset(dataset, range(len(sampler.data_source)))
    indices: Any = sampler if isinstance(sampler, Sequence) else getattr(sampler, "indices", None)
    try:
        return Subset(dataset, sorted({operator.index(index) for index in indices}))
    except TypeError as error:
        raise DataError(
            f"the loader's sampler, {type(sampler).__name__}, does not tell which images it takes; give the data set instead, or "
            "the part to use as a torch.utils.data.Subset"
        ) from error


def _of_dataset(dataset: Any) -> Source:
    number = len(dataset)
    if number == 0:
        raise DataError("the data set is empty")
    samples = {index: _sample(dataset, index) for index in _hashed(number)}
    labels = _classes_of(dataset, {index: label for index, (_, label) in samples.items()})
    contents = [content for content, _ in samples.values()]
    return _named(number, partial(_read, dataset), labels, listed_names(dataset), contents)


def _read(dataset: Any, index: int) -> Image.Image:
    return as_image(dataset[index])


def _sample(dataset: Any, index: int) -> tuple[str, int | None]:
    """Return content and class of an item; raises `DataError` if it is another when it is read again."""
    with naming(index):
        first, second = ((_content(as_image(item)), class_of(item)) for item in (dataset[index], dataset[index]))
    if first != second:
        raise DataError(
            f"item {index} of the images differs each time it is read, so a run could not be continued; leave random transforms "
            "out of the data set: HelixNAS augments images itself"
        )
    return first


def _classes_of(dataset: Any, sampled: Mapping[int, int | None]) -> list[int] | None:
    """Return the classes of all items, as the data set lists them if the sampled items agree; None if it has none."""
    if all(label is None for label in sampled.values()):
        return None
    listed = listed_classes(dataset)
    if listed is not None and all(listed[index] == label for index, label in sampled.items()):
        return listed
    labels, begun, was_said = list[int](), time.monotonic(), False
    for index in range(len(dataset)):
        with naming(index):
            label = class_of(dataset[index])
            if label is None:
                raise DataError("it has no class, but other items have one")
        labels.append(label)
        if not was_said and time.monotonic() - begun > PATIENCE:
            was_said = True
            _logger.warning(
                "reading all %d items for their classes; a data set that lists them as targets, without target_transform and "
                "transforms, saves this",
                len(dataset),
            )
    return labels


def _kept(stream: Iterable[Any]) -> list[Any]:
    """Return all items of a stream."""
    items = list(_through(stream))
    _require_same(stream, items, _through(stream))
    return items


def _of_batches(batches: Iterable[Any]) -> Source:
    pictures: list[np.ndarray] = []
    labels: list[int | None] = []
    for index, item in enumerate(_unbatched(batches)):
        with naming(index):
            pictures.append(np.asarray(as_rgb(as_image(item))))
            labels.append(class_of(item))
    if not pictures:
        raise DataError("the loader gives no batch")
    if len({picture.shape for picture in pictures}) > 1:
        raise DataError("the images of a loader without a data set must have one size; give a data set instead")
    known = [label for label in labels if label is not None]
    if known and len(known) < len(labels):
        raise DataError(f"of {len(labels):,} images of the loader, {len(labels) - len(known):,} have no class")
    pixels = np.stack(pictures)
    _require_same(batches, pixels, _unbatched(batches))
    contents = [_content(read_array(pixels, index)) for index in _hashed(len(pixels))]
    return replace(_named(len(pixels), partial(read_array, pixels), known or None, (), contents), pixels=pixels)


def _unbatched(batches: Iterable[Any]) -> Iterator[Any]:
    """Yield the items of batches: images, or pairs of image and label."""
    for number, batch in enumerate(_through(batches, "batch")):
        images, *rest = batch if isinstance(batch, tuple | list) and batch else (batch,)
        try:
            if isinstance(images, Mapping):
                raise TypeError(f"it is {in_words(images)}")
            pictures, labels = list(images), list(rest[0]) if rest else None
        except TypeError as error:
            raise DataError(
                f"batch {number} of the loader must hold images, or images and labels, as tensors or lists: {first_line(error)}"
            ) from error
        if labels is not None and len(labels) != len(pictures):
            raise DataError(f"batch {number} of the loader has {len(pictures)} images, but {len(labels)} labels")
        yield from pictures if labels is None else zip(pictures, labels, strict=True)


def _through(stream: Iterable[Any], kind: str = "item") -> Iterator[Any]:
    """Yield what a stream gives; raises `DataError` with the number of what cannot be read."""
    steps = iter(stream)
    for number in count():
        with naming(number, kind):
            item = next(steps, _END)
        if item is _END:
            return
        yield item


def _require_same(stream: Iterable[Any], first: Sequence[Any] | np.ndarray, again: Iterator[Any]) -> None:
    """Raise `DataError` if a stream begins with other images when it is read again, as far as it can be."""
    if isinstance(stream, Iterator):
        return
    for index, item in zip(range(min(len(first), NUM_HASHED)), again, strict=False):
        with naming(index):
            is_same = _content(as_image(item)) == _content(as_image(first[index]))
        if not is_same:
            raise DataError(
                f"item {index} of the images is another when they are read again, so a run could not be continued; leave "
                "shuffling and random transforms out: HelixNAS shuffles and augments images itself"
            )


def _named(number: int, read: Any, labels: list[int] | None, names: tuple[str, ...], contents: list[str]) -> Source:
    """Return the source of images, under a name that tells what they are."""
    found = None if labels is None else np.array([as_class(label) for label in labels], dtype=np.int64)
    told = f"{number} {None if found is None else found.tobytes().hex()} {' '.join(contents)}"
    title = f"{GIVEN_PREFIX}{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    classes: tuple[str, ...] = ()
    if found is not None:
        highest = int(found.max())
        classes = names if len(names) > highest else tuple(map(str, range(highest + 1)))
    return Source(
        title=title,
        num_images=number,
        labels=found,
        class_names=classes,
        read=read,
        locate=partial(_place, title),
    )


def _hashed(number: int) -> list[int]:
    """Return the indices of the images that count for the name; the first is among them."""
    return np.linspace(0, number - 1, min(number, NUM_HASHED)).astype(int).tolist()


def _content(image: Image.Image) -> str:
    """Return a digest of an image's size and pixels."""
    pixels = np.asarray(as_rgb(image))
    return hashlib.sha256(f"{pixels.shape}".encode() + pixels.tobytes()).hexdigest()


def _place(title: str, index: int) -> str:
    return f"image {index} of {title}"
