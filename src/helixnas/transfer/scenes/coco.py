"""The layout of COCO: a JSON file of boxes for all images of a split, and a folder of images beside it."""

from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.files import read_json
from helixnas.errors import DataError
from helixnas.transfer.scenes.scene import Boxes, Scene, Scenes, boxes_inside, require_split

PREFIX = "instances_"


def is_coco(root: Path) -> bool:
    """Return whether a folder has this layout."""
    return any((root / "annotations").glob(f"{PREFIX}*.json"))


def read_coco(root: Path, *, task: str, split: str) -> Scenes:
    """Read the boxes of a split, by its name (train2017) or without the year (train).

    Classes are in the order of their numbers in the file. Images without boxes are kept; boxes whose width or height is 0, of
    which the published file has two, are left out. Raises `DataError` if a file is missing or malformed, or the task is not
    detection.
    """
    if task != "detection":
        raise DataError(f"{root} has COCO's layout, which is read for detection only")
    known = tuple(sorted(path.stem.removeprefix(PREFIX) for path in (root / "annotations").glob(f"{PREFIX}*.json")))
    name = next((each for each in known if each == split or each.rstrip("0123456789") == split), "")
    require_split(name, split, known, f"{root} (COCO)")
    file = root / "annotations" / f"{PREFIX}{name}.json"
    content = read_json(file, mend="copy it again from the data set")
    try:
        categories = sorted(content["categories"], key=lambda each: each["id"])
        numbers = {each["id"]: index for index, each in enumerate(categories)}
        own: dict[Any, list[Any]] = defaultdict(list)
        with_area = [each for each in content["annotations"] if all(_sides(each))]
        left_out = len(content["annotations"]) - len(with_area)
        for each in with_area:
            own[each["image_id"]].append(each)
        images = [(each, own[each["id"]]) for each in content["images"]]
        scenes = [_scene(root, name, image, found, numbers, file) for image, found in images]
        names = tuple(str(each["name"]) for each in categories)
    except KeyError as error:
        lacks = "the field" if isinstance(error.args[0], str) else "a category of the number"
        raise DataError(f"{file} is not a file of COCO's boxes: it lacks {lacks} {error}") from error
    except (TypeError, ValueError, OverflowError) as error:
        if isinstance(error, DataError):
            raise
        raise DataError(f"{file} is not a file of COCO's boxes: {error}") from error
    require_split(scenes, split, known, f"{file} names no images; {root}")
    return Scenes(
        title=f"{root.name} (COCO, {name})",
        root=root,
        split=name,
        class_names=names,
        scenes=tuple(scenes),
        left_out=left_out,
    )


def _scene(root: Path, split: str, image: Any, found: list[Any], numbers: dict[Any, int], file: Path) -> Scene:
    path = root / split / image["file_name"]
    if not path.is_file():
        path = root / "images" / split / image["file_name"]
    if not path.is_file():
        raise DataError(f"{root / split / image['file_name']} is missing; {file.name} names it")
    size = (int(image["width"]), int(image["height"]))
    return Scene(image=path, boxes=_boxes(image, found, numbers, file, size), annotation=file, size=size)


def _sides(annotation: Any) -> tuple[float, float]:
    _, _, width, height = annotation["bbox"]
    return float(width), float(height)


def _boxes(image: Any, found: list[Any], numbers: dict[Any, int], file: Path, size: tuple[int, int]) -> Boxes:
    sides = np.array([each["bbox"] for each in found], np.float32).reshape(-1, 4)
    corners = np.concatenate([sides[:, :2], sides[:, :2] + sides[:, 2:]], axis=1)
    return boxes_inside(
        corners,
        np.array([numbers[each["category_id"]] for each in found], np.int64),
        np.array([bool(each.get("iscrowd", 0)) for each in found], bool),
        width=size[0],
        height=size[1],
        where=lambda number: f"{file}, annotation {found[number].get('id')} of {image['file_name']}",
    )
