"""The layout of ADE20K (SceneParsing): images and annotations, each with a folder per split; class 0 is void."""

from pathlib import Path

from helixnas.artifacts.files import read_text
from helixnas.errors import DataError
from helixnas.transfer.scenes.scene import VOID, Scene, Scenes, require_masks_for, require_split

NUM_CLASSES = 150
SPLITS = {"train": "training", "val": "validation"}
"""Short names of splits."""


def is_ade20k(root: Path) -> bool:
    """Return whether a folder has this layout."""
    return all((root / name / "training").is_dir() for name in ("images", "annotations"))


def read_ade20k(root: Path, *, task: str, split: str) -> Scenes:
    """Read a split: training or validation, or train or val.

    Names of classes are from ``objectInfo150.txt``, if it is there. Raises `DataError` if a file is missing, or the task is
    not segmentation.
    """
    if task != "segmentation":
        raise DataError(f"{root} has ADE20K's layout, which is read for segmentation only")
    name = SPLITS.get(split, split)
    folder = root / "images" / name
    images = sorted(folder.glob("*.jpg")) if folder.is_dir() else []
    known = tuple(sorted(path.name for path in (root / "images").iterdir() if path.is_dir()))
    if folder.is_dir() and not images:
        raise DataError(f"{folder} has no images that end in .jpg")
    require_split(images, split, known, f"{root} (ADE20K)")
    scenes: list[Scene] = []
    for image in images:
        mask = root / "annotations" / name / f"{image.stem}.png"
        if not mask.is_file():
            raise DataError(f"the mask {mask} is missing; {image} has none")
        scenes.append(Scene(image=image, mask=mask))
    names = _names(root / "objectInfo150.txt")
    require_masks_for(names, root / "objectInfo150.txt")
    return Scenes(
        title=f"{root.name} (ADE20K, {name})",
        root=root,
        split=name,
        class_names=names,
        scenes=tuple(scenes),
        classes={0: VOID, **{value: value - 1 for value in range(1, len(names) + 1)}},
    )


def _names(file: Path) -> tuple[str, ...]:
    """Return the last column of a table with a head, up to the first comma of each name, or numbers."""
    if not file.is_file():
        return tuple(f"class {number}" for number in range(1, NUM_CLASSES + 1))
    lines = [line for line in read_text(file).splitlines()[1:] if line.strip()]
    return tuple(line.split("\t")[-1].split(",")[0].strip() for line in lines)
