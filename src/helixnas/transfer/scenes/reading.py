"""Opening a data set for a dense task: the layout is recognised by its folders."""

from pathlib import Path

from helixnas.errors import DataError
from helixnas.transfer.scenes.ade20k import is_ade20k, read_ade20k
from helixnas.transfer.scenes.coco import is_coco, read_coco
from helixnas.transfer.scenes.scene import Scenes
from helixnas.transfer.scenes.voc import is_voc, read_voc

LAYOUTS = (
    (is_coco, read_coco),
    (is_ade20k, read_ade20k),
    (is_voc, read_voc),
)
"""How to recognise and read each layout, in order."""


def open_scenes(root: Path, *, task: str, split: str) -> Scenes:
    """Read a split of a data set in the layout of Pascal VOC, COCO or ADE20K.

    Raises:
        DataError: no such folder, none of the layouts, no such split, or a file is missing or malformed.
    """
    if not root.is_dir():
        raise DataError(f"there is no folder {root}")
    for recognises, read in LAYOUTS:
        if recognises(root):
            return read(root, task=task, split=split)
    raise DataError(
        f"{root} has none of the known layouts: VOC (JPEGImages, ImageSets), COCO (annotations/instances_*.json) or ADE20K "
        "(images/training, annotations/training)"
    )
