"""Scene: one image with its mask or boxes; Scenes: a split of them. Frozen values that every reader returns."""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from helixnas.data.source import hash_of_files
from helixnas.errors import DataError

VOID = 255
"""The class of pixels that count neither in training nor in evaluation."""

TASKS = ("segmentation", "detection")


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxes:
    """The objects of an image."""

    corners: np.ndarray
    """Left, top, right and bottom in pixels from the top left corner of the image, (boxes, 4), float32."""

    labels: np.ndarray
    """Class indices from 0, (boxes,), int64."""

    crowd: np.ndarray
    """Whether a box is a crowd (COCO) or a difficult object (VOC), (boxes,): not trained on, and neither right nor wrong."""


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One image, its mask or boxes not read yet."""

    image: Path
    mask: Path | None = None
    boxes: Boxes | None = None
    annotation: Path | None = None
    """The file that the boxes are from."""

    size: tuple[int, int] | None = None
    """Width and height of the image in pixels, as that file says."""


@dataclass(frozen=True, kw_only=True)
class Scenes:
    """The scenes of a split, in the order of its file."""

    title: str
    """Data set and split, for messages."""

    root: Path
    """Folder of the data set."""

    split: str
    class_names: tuple[str, ...]
    scenes: tuple[Scene, ...]
    classes: Mapping[int, int] = field(default_factory=dict[int, int])
    """Value of a pixel to class index, where they differ."""

    left_out: int = 0
    """Boxes that are left out because they have no area."""

    def __len__(self) -> int:
        return len(self.scenes)

    def fingerprint(self) -> str:
        """Return a text that changes with the classes and the files, but not with the place of the data set.

        Files count by name, size and time of modification.
        """
        given = [file for each in self.scenes for file in (each.image, each.mask, each.annotation) if file is not None]
        files = dict.fromkeys(os.path.relpath(file, self.root) for file in given)
        classes = json.dumps([self.class_names, sorted(self.classes.items())])
        return hashlib.sha256(f"{classes}\n{hash_of_files(files, self.root)}".encode()).hexdigest()


def no_boxes() -> Boxes:
    """Return the boxes of an empty image."""
    return Boxes(corners=np.zeros((0, 4), np.float32), labels=np.zeros(0, np.int64), crowd=np.zeros(0, bool))


def boxes_inside(
    corners: np.ndarray, labels: np.ndarray, crowd: np.ndarray, *, width: int, height: int, where: Callable[[int], str]
) -> Boxes:
    """Return boxes cut off at the edges of an image of `width` x `height` pixels.

    Raises `DataError`, with `where(number)`, for a box without area inside the image.
    """
    if not len(corners):
        return no_boxes()
    cut = np.clip(np.asarray(corners, np.float32), 0, [width, height, width, height]).astype(np.float32)
    for number, (left, top, right, bottom) in enumerate(cut):
        if not (right > left and bottom > top):
            given = " ".join(f"{value:g}" for value in corners[number])
            raise DataError(
                f"{where(number)}: the box {given} (left, top, right, bottom) has no area inside the image of "
                f"{width} x {height} pixels; correct or remove it"
            )
    return Boxes(corners=cut, labels=np.asarray(labels, np.int64), crowd=np.asarray(crowd, bool))


def require_masks_for(class_names: tuple[str, ...], file: Path) -> None:
    """Raise `DataError` if there are more classes, which a file names, than the pixels of a mask tell apart."""
    if len(class_names) > VOID:
        raise DataError(f"{file} names {len(class_names):,} classes, but masks of 8 bits tell {VOID} apart")


def require_split(found: object, split: str, known: tuple[str, ...], title: str) -> None:
    """Raise `DataError` if there is no such split."""
    if not found:
        raise DataError(f"{title} has no split {split!r}; there are: {', '.join(known) or 'none'}")
