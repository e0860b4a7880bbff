"""The layout of Pascal VOC: JPEGImages, ImageSets, SegmentationClass or SegmentationClassAug (masks) and Annotations (boxes)."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np

from helixnas.artifacts.files import read_text
from helixnas.errors import DataError
from helixnas.transfer.scenes.scene import Scene, Scenes, boxes_inside, require_masks_for, require_split

NAMES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor"),
)
"""The 20 classes of VOC; segmentation has the background before them."""

SETS = {"segmentation": "Segmentation", "detection": "Main"}
MASKS = ("SegmentationClass", "SegmentationClassAug")
"""Folders of masks: VOC's own, and those made of the Semantic Boundaries Dataset (SBD) for images without one."""

CLASSES = "classes.txt"
SUFFIXES = (".jpg", ".jpeg", ".png")


def is_voc(root: Path) -> bool:
    """Return whether a folder has this layout."""
    return (root / "ImageSets").is_dir() and (root / "JPEGImages").is_dir()


def read_voc(root: Path, *, task: str, split: str) -> Scenes:
    """Read a split; ``classes.txt`` in `root`, a name per line, gives other classes than VOC's.

    Boxes without ``classes.txt`` have the classes of all annotations, in the order of VOC where they are VOC's, else of
    the alphabet. Raises `DataError` if a file is missing or malformed.
    """
    folder, title = root / "ImageSets" / SETS[task], f"{root.name} (VOC, {split})"
    listed = folder / f"{split}.txt"
    splits = tuple(sorted(path.stem for path in folder.glob("*.txt")))
    require_split(listed.is_file(), split, splits, f"{folder}")
    numbers = [line.split()[0] for line in read_text(listed).splitlines() if line.split()]
    require_split(numbers, split, tuple(each for each in splits if each != split), f"{listed} is empty; {folder}")
    names = _names(root)
    if len({*names}) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{root / CLASSES} names the class {twice} twice; a line is the name of a class")
    if task == "segmentation":
        found = [_scene(root, number) for number in numbers]
        names = names or ("background", *NAMES)
        require_masks_for(names, root / CLASSES)
        return Scenes(title=title, root=root, split=split, class_names=names, scenes=tuple(found))
    files = {number: root / "Annotations" / f"{number}.xml" for number in numbers}
    trees = {number: (file, _tree(file)) for number, file in files.items()}
    names = names or _names_in(root, {number: tree for number, (_, tree) in trees.items()})
    scenes = [_with_boxes(_image(root, number), file, tree, names) for number, (file, tree) in trees.items()]
    return Scenes(title=title, root=root, split=split, class_names=names, scenes=tuple(scenes))


def _names(root: Path) -> tuple[str, ...]:
    file = root / CLASSES
    lines = read_text(file).splitlines() if file.is_file() else []
    return tuple(line.strip() for line in lines if line.strip())


def _image(root: Path, number: str) -> Path:
    for suffix in SUFFIXES:
        if (path := root / "JPEGImages" / f"{number}{suffix}").is_file():
            return path
    raise DataError(f"{root / 'JPEGImages' / number}.jpg is missing; a file in ImageSets names it")


def _scene(root: Path, number: str) -> Scene:
    for folder in MASKS:
        if (mask := root / folder / f"{number}.png").is_file():
            return Scene(image=_image(root, number), mask=mask)
    raise DataError(
        f"the mask {root / MASKS[0] / number}.png is missing, in {MASKS[1]} too; a file in ImageSets/Segmentation names it"
    )


def _tree(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except OSError as error:
        raise DataError(f"cannot read the boxes {path}: {error.strerror or error}") from error
    except ElementTree.ParseError as error:
        raise DataError(f"the boxes {path} are not XML: {error}") from error


def _names_in(root: Path, known: dict[str, ElementTree.Element]) -> tuple[str, ...]:
    """Return the classes of all annotations of the data set, so that every split has the same."""
    trees = [known.get(path.stem) or _tree(path) for path in sorted((root / "Annotations").glob("*.xml"))]
    found = {each.findtext("name") or "" for tree in trees for each in tree.iter("object")} - {""}
    return NAMES if found <= set(NAMES) else tuple(sorted(found))


def _with_boxes(image: Path, path: Path, tree: ElementTree.Element, names: tuple[str, ...]) -> Scene:
    try:
        width, height = (int(tree.findtext(f"size/{side}") or "") for side in ("width", "height"))
        objects = list(tree.iter("object"))
        ends = [
            [float(each.findtext(f"bndbox/{end}") or "") for end in ("xmin", "ymin", "xmax", "ymax")]
            for each in objects
        ]
    except ValueError as error:
        raise DataError(f"{path} lacks the size of its image or a corner of a box, or it is not a number") from error
    labels: list[int] = []
    for each in objects:
        name = each.findtext("name") or ""
        if name not in names:
            raise DataError(f"{path} has an object of class {name!r}; the classes are {', '.join(names)}")
        labels.append(names.index(name))
    corners = np.array(ends, np.float32).reshape(-1, 4) - np.array(
        [1, 1, 0, 0], np.float32
    )  # VOC counts from 1, ends included
    difficult = np.array([(each.findtext("difficult") or "0").strip() == "1" for each in objects], bool)
    boxes = boxes_inside(
        corners, np.array(labels, np.int64), difficult, width=width, height=height, where=lambda index: str(path)
    )
    return Scene(image=image, boxes=boxes, annotation=path, size=(width, height))
