"""Batches of scenes: read, augmented as a function of (seed, epoch, scene), and checked file by file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision import tv_tensors
from torchvision.transforms.v2 import functional as changed

from helixnas.data.augmentation import AUGMENTATION_STREAM, ORDER_STREAM
from helixnas.data.source import as_rgb, upright
from helixnas.errors import DataError, first_line
from helixnas.nn import seed_from
from helixnas.transfer.scenes.augmentation import Augmentation
from helixnas.transfer.scenes.scene import VOID, Boxes, Scene, Scenes

IGNORED = -100
"""The label of void pixels, which torch's cross-entropy leaves out."""

UNKNOWN = -1


@dataclass(frozen=True, kw_only=True)
class SceneBatch:
    """Images in [0, 1] with their labels or boxes."""

    images: Any
    """Masks: (batch, 3, height, width); boxes: a list of (3, height, width)."""

    labels: Tensor | None
    """Class of every pixel, -100 where void, (batch, height, width); None with boxes. In evaluation, of the stored size."""

    boxes: tuple[Boxes, ...] = ()
    """The boxes of every image, with their crowds."""

    rows: tuple[int, ...] = ()
    """Positions of the images among the scenes."""


@dataclass(frozen=True, kw_only=True)
class SceneImages:
    """The images of a split, as the training loop wants them."""

    scenes: Scenes
    augmentation: Augmentation
    short_side: int = 0
    """Shorter side in pixels, before augmentation; 0 for the stored size."""

    num_workers: int = 0

    @property
    def num_classes(self) -> int:
        """Number of classes, without background of a detector."""
        return len(self.scenes.class_names)

    @property
    def is_thread_safe(self) -> bool:
        """Whether another thread may read augmented batches: not where this process sets torch's generator for them."""
        return bool(self.num_workers)

    def __len__(self) -> int:
        return len(self.scenes)

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        """Return the number of batches of one epoch."""
        return len(self) // batch_size if drop_last else -(-len(self) // batch_size)

    def batches(
        self,
        *,
        batch_size: int,
        seed: int = 0,
        epoch: int = 0,
        augment: bool = False,
        shuffle: bool = False,
        skip: int = 0,
        drop_last: bool = False,
        rows: Sequence[int] | None = None,
    ) -> Iterator[SceneBatch]:
        """Yield the batches of one epoch, from number `skip` on; images that are not augmented must have one size.

        With `rows`, only the images at these positions are read. Raises `DataError` if an image or a mask cannot be read, or
        they do not fit.
        """
        order = np.arange(len(self)) if rows is None else np.array(rows)
        if shuffle:
            np.random.default_rng((seed, ORDER_STREAM, epoch)).shuffle(order)
        count = len(order) // batch_size if drop_last else -(-len(order) // batch_size)
        chunks = [order[number * batch_size : (number + 1) * batch_size].tolist() for number in range(skip, count)]
        samples = _Samples(self, (seed, AUGMENTATION_STREAM, epoch) if augment else None)
        loader: Any = torch.utils.data.DataLoader(
            samples,
            batch_sampler=chunks,
            num_workers=self.num_workers if chunks else 0,
            collate_fn=list,
            generator=torch.Generator().manual_seed(0),  # not used, but without it the global generator would advance
        )
        for found in loader:
            for each in found:
                if isinstance(each, DataError):
                    raise each
            yield _collate(found)


class _Samples(torch.utils.data.Dataset[Any]):
    """Images by position, each with its labels or boxes, or the error of reading them."""

    def __init__(self, images: SceneImages, words: tuple[int, ...] | None) -> None:
        self._images, self._words = images, words

    def __getitem__(self, row: int) -> tuple[int, Tensor, Any] | DataError:
        scene = self._images.scenes.scenes[row]
        try:
            if self._words is None:
                return (row, *self._read(scene))
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed_from(*self._words, row))
                return (row, *self._read(scene))
        except DataError as error:  # a process that reads images would add its traceback to the message
            return error

    def _read(self, scene: Scene) -> tuple[Tensor, Any]:
        mask = None if scene.mask is None else read_mask(scene.mask, self._images.scenes)
        annotated = scene.size if mask is None else (mask.shape[-1], mask.shape[-2])
        image = tv_tensors.Image(read_image(scene.image, annotated))
        size = image.shape[-2:]
        if annotated is not None and annotated != (size[1], size[0]):
            annotation = scene.annotation if mask is None else f"its mask {scene.mask}"
            raise DataError(
                f"the image {scene.image} has {size[1]} x {size[0]} pixels, but {annotation} is of {annotated[0]} x "
                f"{annotated[1]}; give both the same size, or remove the image from the split"
            )
        augmentation = None if self._words is None else self._images.augmentation
        if mask is not None:
            resized = with_short_side(image, self._images.short_side)
            if augmentation is None:
                return resized, _labels(mask)
            small = mask if resized.shape == image.shape else changed.resize(mask, list(resized.shape[-2:]), _NEAREST)
            try:
                shown, labels = augmentation.with_mask(resized, tv_tensors.Mask(small))
            except DataError as error:
                raise DataError(f"{scene.mask}: {error}") from error
            return shown, _labels(labels)
        boxes = scene.boxes
        assert boxes is not None, "a scene has a mask or boxes"
        if augmentation is None:
            return image, boxes
        corners = tv_tensors.BoundingBoxes(torch.from_numpy(boxes.corners), format="XYXY", canvas_size=tuple(size))  # pyright: ignore
        shown, moved = augmentation.with_boxes(image, corners)
        return shown, Boxes(corners=moved.numpy(), labels=boxes.labels, crowd=boxes.crowd)


_NEAREST = changed.InterpolationMode.NEAREST


def _labels(mask: Tensor) -> Tensor:
    labels = mask.squeeze(0).to(torch.int64)
    return torch.where(labels == VOID, IGNORED, labels)


def with_short_side(image: Tensor, side: int) -> Tensor:
    """Return an image scaled so that its shorter side has `side` pixels; 0 changes nothing."""
    if side in (0, min(image.shape[-2:])):
        return image
    scale = side / min(image.shape[-2:])
    return changed.resize(image, [max(1, round(scale * each)) for each in image.shape[-2:]])


def _collate(found: list[tuple[int, Tensor, Any]]) -> SceneBatch:
    rows = tuple(row for row, _, _ in found)
    images = [image.as_subclass(Tensor).to(torch.float32).div_(255) for _, image, _ in found]
    if isinstance(found[0][2], Boxes):
        return SceneBatch(images=images, labels=None, boxes=tuple(boxes for _, _, boxes in found), rows=rows)
    labels = torch.stack([labels.as_subclass(Tensor) for _, _, labels in found])
    return SceneBatch(images=torch.stack(images), labels=labels, rows=rows)


def read_image(path: Path, annotated: tuple[int, int] | None = None) -> Tensor:
    """Return an image, (3, height, width), uint8, turned as its EXIF data say; raises `DataError` if it cannot be read.

    Most annotations are of the stored pixels: where their width and height are known, only an image that has them when
    turned is turned.
    """
    try:
        with Image.open(path) as image:
            turned = image if annotated == image.size else upright(image)
            fits = annotated is None or turned.size == annotated
            return changed.pil_to_tensor(as_rgb(turned if fits else image))
    except Exception as error:  # decoders can raise anything on damaged files
        raise DataError(f"cannot read the image {path}: {first_line(error)}") from error


def read_mask(path: Path, scenes: Scenes) -> Tensor:
    """Return the classes of a mask, (1, height, width), uint8, void 255.

    Raises `DataError` if it cannot be read, is no picture of class numbers, or holds a class that does not exist.
    """
    try:
        with Image.open(path) as image:
            mode, values = image.mode, np.array(image)
    except Exception as error:  # decoders can raise anything on damaged files
        raise DataError(f"cannot read the mask {path}: {first_line(error)}") from error
    if mode not in ("P", "L", "1"):
        raise DataError(
            f"the mask {path} has pixels of mode {mode}; a mask has one 8-bit class number per pixel (P or L)"
        )
    table = np.full(256, UNKNOWN, np.int16)
    for index in range(len(scenes.class_names)):
        table[index] = index
    table[VOID] = VOID
    if scenes.classes:
        table[:VOID] = UNKNOWN
        table[list(scenes.classes)] = list(scenes.classes.values())
    found = table[values.astype(np.uint8)]
    if (found == UNKNOWN).any():
        wrong = int(values[found == UNKNOWN].flat[0])
        raise DataError(
            f"the mask {path} has pixels of class {wrong}, but {scenes.title} has {len(scenes.class_names)} classes and "
            f"{VOID} for void"
        )
    return torch.from_numpy(found.astype(np.uint8))[None]
