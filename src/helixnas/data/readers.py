"""Opening a source by name: digits, folders, tars, torchvision, Hugging Face data sets, WebDataset and Parquet shards.

Folders and tars are listed by `image_files`, shards are indexed in `streams`; timm opens the other kinds.
"""

import importlib.util
import logging
import os
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from timm.data import dataset_factory

from helixnas.artifacts.run_folder import RunFolder
from helixnas.data.config import GIVEN_PREFIX, PARQUET, TORCH_NAMES, DataConfig
from helixnas.data.given import given_source
from helixnas.data.image_files import BROKEN, TWICE, Listing, list_folder, list_tar, natural_order
from helixnas.data.source import FileSpans, Source, Span, find_root, numbered_classes, read_array, read_upright
from helixnas.data.streams.parquet import open_parquet
from helixnas.data.streams.tar import open_tars
from helixnas.errors import DataError, first_line

create_dataset: Any = dataset_factory.create_dataset  # its annotations leave out what a reader returns
SPLIT_SYNONYMS = (("train", "training"), ("val", "valid", "validation", "eval", "evaluation"))
"""Names that a folder of a split may have, as in timm."""

NUM_CLASSES = {
    "digits": 10,
    **{f"torch/{name}": 10 for name in ("cifar10", "fashion_mnist", "kmnist", "mnist", "qmnist")},
    "torch/cifar100": 100,
    "torch/places365": 365,
    "torch/imagenet": 1000,
}
"""Classes of data sets by name, as far as the name alone decides them."""

_logger = logging.getLogger(__name__)


def open_source(config: DataConfig, *, root: str, split: str, min_classes: int = 2) -> Source:
    """Open the data set `config.name`; raises `DataError` if the root, the split, a package or images are missing.

    Fewer than `min_classes` folders are no classes: training on one class means nothing, but evaluation can.

    >>> open_source(DataConfig(name="digits"), root="", split="train").num_images
    1797
    """
    if config.name == "digits":
        source = _open_digits()
    elif config.name.startswith("torch/"):
        source = _open_torchvision(config, root=root, split=split)
    elif config.name.startswith("hfds/"):
        source = _open_hugging_face(config, root=root, split=split)
    elif config.name.startswith("wds/"):
        source = _open_shards(config, root=root, split=split)
    elif config.name == PARQUET:
        source = open_parquet(find_root(root), split, labels=config.labels, memory=_memory(config))
    elif config.name.startswith(GIVEN_PREFIX):
        found = given_source(config.name)
        source = found if config.labels else replace(found, labels=None, class_names=())
    else:
        source = _open_files(config, root=root, split=split, min_classes=min_classes)
    if source.num_images == 0:
        raise DataError(f"{source.title} has no images")
    if not config.exif_orientation:
        return source
    upright = partial(_upright, source.fingerprint) if source.fingerprint else None
    stream = partial(read_upright, source.stream) if source.stream else None
    return replace(source, read=partial(read_upright, source.read), stream=stream, fingerprint=upright)


def count_classes(config: DataConfig) -> int | None:
    """Return the number of classes of the training images without decoding any; None if they have no labels.

    It is also None where only opening the images would tell: they are not there, or in shards or on a hub. Raises
    `DataError` if they are there and cannot be used.

    >>> count_classes(DataConfig(name="digits")), count_classes(DataConfig(root="no/such/folder"))
    (10, None)
    """
    if not config.labels or config.name:
        return NUM_CLASSES.get(config.name) if config.labels else None
    try:
        find_root(config.root)
    except DataError:
        return None
    path = find_files(config.root, config.split)
    classes = _classes_of(_list_files(path, unique=False), title=str(path))
    return len(classes) if len(classes) > 1 else None


def _upright(fingerprint: Callable[[], str]) -> str:
    return f"{fingerprint()} upright"


def _open_digits() -> Source:
    """Open the 1,797 handwritten digits of scikit-learn, 8x8 grey; their values 0 to 16 become 0 to 255."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    pixels = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    names = tuple(str(name) for name in digits.target_names)
    labels, read = digits.target.astype(np.int64), partial(read_array, pixels)
    return replace(_numbered_images("digits", len(pixels), labels, names, read), pixels=pixels)


def _open_files(config: DataConfig, *, root: str, split: str, min_classes: int) -> Source:
    """Open a folder or a tar of images, with one folder per class or without labels."""
    path = find_files(root, split)
    listing = _list_files(path)
    if left_out := listing.summary():
        _logger.warning("left out of %s: %s", path, left_out)
    classes = _classes_of(listing, title=str(path)) if config.labels else []
    if not classes or len(classes) < min_classes:
        return _source_of_files(str(path), listing.spans, None, ())
    index = {name: number for number, name in enumerate(classes)}
    labels = np.array([index[folder] for folder in listing.folders], dtype=np.int64)
    composed = tuple(unicodedata.normalize("NFC", name) for name in classes)  # macOS stores letters and accents apart
    names = composed if len({*composed}) == len(classes) else tuple(classes)
    return _source_of_files(str(path), listing.spans, labels, names)


def _list_files(path: Path, *, unique: bool = True) -> Listing:
    """List the images of a folder or a tar, in a tar each content once if `unique`; raises `DataError` if there is none."""
    if path.is_file() and path.suffix != ".tar":
        raise DataError(f"{path} is neither a folder of images nor an uncompressed .tar of them")
    listing = list_tar(path, unique=unique) if path.is_file() else list_folder(path)
    left_out = listing.summary()
    if not listing.names:
        hint = "; data.name: parquet reads Parquet files" if ".parquet" in left_out else ""
        tars = [name for _, name in listing.left_out if name.endswith(".tar")]
        hint = f"; for the images in a tar, give the tar itself: {path / tars[0]}" if tars else hint
        hint = "; it is the folder of a run" if path.is_dir() and RunFolder(path).exists() else hint
        raise DataError(f"{path} has no images that Pillow reads{f'; left out: {left_out}' if left_out else ''}{hint}")
    return listing


def _classes_of(listing: Listing, *, title: str) -> list[str]:
    """Return the classes in natural order; none if no folder is one. Errors as of `_has_classes`."""
    classes = sorted({*listing.folders}, key=natural_order)
    return classes if _has_classes(classes, listing.emptied(), title=title) else []


def _numbered_images(
    title: str,
    num_images: int,
    labels: np.ndarray | None,
    class_names: tuple[str, ...],
    read: Callable[[int], Image.Image],
) -> Source:
    locate = partial(_number, title)
    return Source(title=title, num_images=num_images, labels=labels, class_names=class_names, read=read, locate=locate)


def _number(title: str, index: int) -> str:
    return f"image {index} of {title}"


def _source_of_files(title: str, spans: list[Span], labels: np.ndarray | None, class_names: tuple[str, ...]) -> Source:
    files = FileSpans(spans)
    return Source(
        title=title,
        num_images=len(files),
        labels=labels,
        class_names=class_names,
        read=files.read,
        locate=files.locate,
        fingerprint=files.fingerprint,
        spans=files.spans,
    )


def find_files(root: str, split: str) -> Path:
    """Return the folder or the tar of a split in the root, in whatever case its name is.

    Of the usual splits (train, validation, test) that are not there, it is the root, which need not have splits; raises
    `DataError` if one of another name is not there.
    """
    try:
        path = find_root(root)
    except DataError as error:
        if f"torch/{root}" not in TORCH_NAMES:
            raise
        raise DataError(
            f"{error}; torchvision downloads it with data.name: torch/{root}, data.download: true"
        ) from error
    if not split or path.is_file():
        return path
    synonyms = next((names for names in SPLIT_SYNONYMS if split in names), ())
    try:
        found = {each.name: each for each in sorted(path.iterdir(), reverse=True)}
    except OSError:
        return path  # the listing tells why
    in_any_case = {name.lower(): each for name, each in found.items()}
    for name in (split, *synonyms):
        folder = found.get(name) or in_any_case.get(name.lower())
        if folder is not None and folder.is_dir():
            return folder
    archive = found.get(f"{split}.tar") or in_any_case.get(f"{split}.tar".lower())
    if archive is not None and archive.is_file():
        return archive
    if split.lower() not in {"test", *chain(*SPLIT_SYNONYMS)}:
        names = sorted(
            (each.name for each in found.values() if each.is_dir() or each.suffix == ".tar"), key=natural_order
        )
        there = ", ".join([*names[:5], "..."] if len(names) > 5 else names) or "no folder"
        raise DataError(f"{path} has no folder or tar of the split {split!r}; it has {there}")
    return path


def _has_classes(classes: list[str], emptied: dict[str, str], *, title: str) -> bool:
    """Return whether the folders are classes: no image is outside of them.

    Raises:
        DataError: there are images outside of the classes, or a class has files but no images.
    """
    folders = [name for name in classes if name]
    if folders and len(folders) < len(classes):
        raise DataError(
            f"{title} has images both in class folders ({', '.join(folders[:3])}, ...) and outside of them; "
            f"move these into a class folder, or set data.labels to false"
        )
    if folders and emptied:
        name, files = min(emptied.items())
        advice = (
            "give it images of its own"
            if files.endswith((TWICE, BROKEN))
            else "convert them to a format that Pillow reads"
        )
        raise DataError(
            f"the folder {name} of {title} has no image, only {files}; {advice}, remove the folder, or set data.labels to false"
        )
    return bool(folders)


def _open_torchvision(config: DataConfig, *, root: str, split: str) -> Source:
    place = root if config.download and root else str(find_root(root))
    title = f"{config.name}, split {split!r}, in {place}"
    try:
        dataset = create_dataset(config.name, root=place, split=split, download=config.download)
    except Exception as error:  # torchvision asserts what it expects in a file
        hint = "" if config.download else "; data.download: true downloads it if torchvision can"
        raise DataError(f"{title} cannot be opened{hint}: {first_line(error)}") from error
    labels = None
    if config.labels:
        known = getattr(dataset, "targets", None)
        labels = np.asarray([row[0] for row in dataset.index] if known is None else known, dtype=np.int64)
        labels = labels[:, 0] if labels.ndim == 2 else labels  # QMNIST: the class is the first of eight columns
    names = _class_names(getattr(dataset, "classes", ()), labels, title)
    return _numbered_images(title, len(dataset), labels, names, partial(_read_pair, dataset))


def _open_hugging_face(config: DataConfig, *, root: str, split: str) -> Source:
    """Open a Hugging Face data set with a column "image" and, for labels, a column "label"."""
    _require_package("datasets", config.name)
    title = f"{config.name}, split {split!r}"
    try:
        reader = create_dataset(config.name, root=root or None, split=split).reader
    except Exception as error:  # the package has its own errors for network, names, splits and columns
        raise DataError(f"{title} cannot be opened: {first_line(error)}") from error
    labels = None
    if config.labels and reader.label_key in reader.dataset.column_names:
        labels = np.asarray(list(reader.iter_targets()), dtype=np.int64)
        labels = None if (labels < 0).any() else labels  # marks a split without labels
    names = _class_names(tuple(reader.class_to_idx), labels, title)
    return _numbered_images(title, len(reader), labels, names, partial(_read_stream, reader))


def _open_shards(config: DataConfig, *, root: str, split: str) -> Source:
    """Open WebDataset shards, indexed once for random access; see `helixnas.data.shards` for their classes."""
    _require_package("webdataset", config.name)
    path = find_root(root)
    title = f"{config.name}, split {split!r}, in {path}"
    try:
        reader = create_dataset(config.name, root=str(path), split=split).reader
    except (RuntimeError, OSError, ValueError, KeyError) as error:
        raise DataError(f"{title} cannot be opened: {first_line(error)}") from error
    shards = [os.path.join(path, name) for name in reader.split_info.filenames]  # noqa: PTH118 - as timm joins them
    field = reader.split_info.alt_label
    return open_tars(title, shards, field=field, labels=config.labels, memory=_memory(config))


def _memory(config: DataConfig) -> int:
    """Return the bytes of encoded images that a process may hold."""
    return int(config.shuffle_memory * 2**30)


def _require_package(package: str, name: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise DataError(f"data.name {name!r} needs the package {package}; pip install {package}")


def _class_names(names: Any, labels: np.ndarray | None, title: str) -> tuple[str, ...]:
    """Return the names as text, or the class indices if there are no names."""
    if labels is None:
        return ()
    if len(names) > int(labels.max(initial=-1)):
        return tuple(", ".join(name) if isinstance(name, tuple) else str(name) for name in names)
    return numbered_classes(int(labels.max(initial=-1)), title)


def _read_pair(dataset: Any, index: int) -> Image.Image:
    return dataset[index][0]


def _read_stream(reader: Any, index: int) -> Image.Image:
    """Return the image in a stream of a timm reader, decoded before the stream is closed."""
    stream, *_ = reader[index]
    with stream:
        image = Image.open(stream)
        image.load()
    return image
