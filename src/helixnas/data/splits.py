"""Splitting a source into training, rating and evaluation images.

The rating images are taken from the training data and used to choose among architectures, so a final accuracy on them
would be biased. The evaluation images are drawn first, so they do not depend on the number of rating images.
"""

import logging
import os
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from helixnas.data.augmentation import SPLIT_STREAM
from helixnas.data.config import PARQUET, DataConfig
from helixnas.data.decoded import MAX_CACHE_BYTES, Progress, decode
from helixnas.data.image_files import shared_images
from helixnas.data.images import ImageSet
from helixnas.data.loading import ImageStore, require_readable_classes
from helixnas.data.readers import find_files, open_source
from helixnas.data.source import Source, find_root, read_array
from helixnas.data.stratify import draw_evenly
from helixnas.data.streams.parquet import find_parquet
from helixnas.data.unreadable import UnreadableImages
from helixnas.errors import DataError, number_of

MUCH = 4
"""Enlarging images by more than this factor is probably a mistake, so it logs a warning; cost grows with its square."""

MAX_COMPARED = 100_000
"""Images of shards up to which training and evaluation images are compared by content, not only by their files."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, eq=False)
class DataSplits:
    """The images of a run: for distillation and retraining, for rating, and, with labels, for the final accuracy only."""

    train: ImageSet
    rating: ImageSet
    evaluation: ImageSet | None
    num_classes: int
    class_names: tuple[str, ...]


def open_data(config: DataConfig, *, image_size: int, seed: int, progress: Progress | None = None) -> DataSplits:
    """Open, split and, if they are small, decode the images of a run.

    `image_size` is the teacher's, used if the config has none.

    Raises:
        DataError: a root or a package is missing, there are too few images, the evaluation images have other classes,
            or too many images, or all of a class, are unreadable.

    >>> splits = open_data(DataConfig(name="digits", num_rating=200), image_size=16, seed=0)
    >>> len(splits.train), len(splits.rating), len(splits.evaluation), splits.num_classes
    (1238, 200, 359, 10)
    """
    divided = _divide(config, image_size, seed, progress, num_held=config.num_rating)
    rest = divided.train
    rows, rating = _set_aside(rest.rows, config.num_rating, rest.all_labels, [seed, SPLIT_STREAM, 1])
    train = _share(replace(rest, rows=rows), config.train_share, seed)
    _require_readable(train, divided.evaluation)
    return DataSplits(
        train=train,
        rating=replace(rest, rows=rating, name="rating"),
        evaluation=divided.evaluation,
        num_classes=len(divided.class_names),
        class_names=divided.class_names,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingImages:
    """Images for training without a search, and, with labels, for the final accuracy only."""

    train: ImageSet
    evaluation: ImageSet | None
    class_names: tuple[str, ...]


def open_training_images(
    config: DataConfig, *, image_size: int, seed: int, progress: Progress | None = None
) -> TrainingImages:
    """Open and split images for training without a search, so without rating images; raises as `open_data` does.

    >>> images = open_training_images(DataConfig(name="digits"), image_size=16, seed=0)
    >>> len(images.train), len(images.evaluation)
    (1438, 359)
    """
    divided = _divide(config, image_size, seed, progress, num_held=0)
    train = _share(divided.train, config.train_share, seed)
    _require_readable(train, divided.evaluation)
    return replace(divided, train=train)


def _divide(
    config: DataConfig, image_size: int, seed: int, progress: Progress | None, *, num_held: int
) -> TrainingImages:
    """Split off the evaluation images; of the others, `num_held` will be held out for rating."""
    size = config.image_size or image_size
    if size < 1 or seed < 0:
        raise DataError(f"the image size must be at least 1 and the seed not negative, not {size} and {seed}")
    source = open_source(config, root=config.root, split=config.split)
    apart = _open_evaluation(config, source)
    rest = np.arange(source.num_images)
    shared = None
    if num_shared := _num_shared(config, source, apart):
        rest, shared = _set_aside(rest, num_shared, source.labels, [seed, SPLIT_STREAM, 0])
    if num_held >= len(rest):
        raise DataError(
            f"data.num_rating is {num_held:,}, but {source.title} has only {number_of(len(rest), 'training image')}; "
            + (f"choose at most {len(rest) - 1:,}" if len(rest) > 1 else "add images")
        )
    names = source.class_names or (apart.class_names if apart else ())
    train = replace(_all_of(source, "training", config, size, progress), rows=rest)
    evaluation = None if shared is None else replace(train, rows=shared, name="evaluation")
    if apart is not None:
        evaluation = _all_of(apart, "evaluation", config, size, progress)
    return TrainingImages(train=train, evaluation=evaluation, class_names=names)


def count_shared(config: DataConfig, training: Source) -> int:
    """Return how many of the training images are held out for the final accuracy: none without labels or if others are for it.

    Raises `DataError` if those others cannot be opened or are training images as well.
    """
    return _num_shared(config, training, _open_evaluation(config, training))


def _num_shared(config: DataConfig, training: Source, apart: Source | None) -> int:
    if apart is not None or training.labels is None:
        return 0
    return max(1, round(config.evaluation_share * training.num_images))


def open_images(config: DataConfig, *, image_size: int, progress: Progress | None = None) -> ImageSet:
    """Open all images of `config.split` as one set, to validate a model; raises as `open_data` does.

    >>> len(open_images(DataConfig(name="digits"), image_size=8))
    1797
    """
    source = open_source(config, root=config.root, split=config.split, min_classes=1)
    images = _all_of(source, "validation", config, config.image_size or image_size, progress)
    _require_readable(images)
    return images


def _require_readable(images: ImageSet, evaluation: ImageSet | None = None) -> None:
    """Raise `DataError` if the images, or evaluation images of their own source, have a class that cannot be read."""
    apart = evaluation if evaluation is not None and evaluation.store is not images.store else None
    for own in (images, *([] if apart is None else [apart])):
        if own.all_labels is not None:
            require_readable_classes(own.store, own.rows, own.all_labels, own.class_names, purpose=own.name)


def _all_of(source: Source, name: str, config: DataConfig, image_size: int, progress: Progress | None) -> ImageSet:
    return ImageSet(
        name=name,
        store=_open_store(source, config, image_size, progress),
        rows=np.arange(source.num_images),
        all_labels=source.labels,
        class_names=source.class_names,
    )


def _share(images: ImageSet, share: float, seed: int) -> ImageSet:
    """Return a share of the images (at least one), seeded and by class."""
    if share == 1:
        return images
    number = max(1, round(share * len(images.rows)))
    _, kept = _set_aside(images.rows, number, images.all_labels, [seed, SPLIT_STREAM, 2])
    return replace(images, rows=kept)


def _set_aside(
    rows: np.ndarray, num_drawn: int, labels: np.ndarray | None, words: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the remaining and the drawn rows, seeded and by class."""
    drawn = draw_evenly(
        num_images=len(rows),
        num_drawn=num_drawn,
        labels=None if labels is None else labels[rows],
        rng=np.random.default_rng(words),
    )
    return np.delete(rows, drawn), rows[drawn]


def _open_evaluation(config: DataConfig, training: Source) -> Source | None:
    """Return the source of separate evaluation images, with the training data's class indices; None if there is none."""
    if not config.labels or (training.labels is None and not config.evaluation_root):
        return None
    if not config.evaluation_root and (config.name == "digits" or not config.evaluation_split):
        return None
    if not config.evaluation_root and not config.name and not _has_split(config):
        return None
    if not config.evaluation_root and config.name == PARQUET and not _has_parquet_split(config):
        return None
    source = open_source(
        config,
        root=config.evaluation_root or config.root,
        split=config.evaluation_split or config.split,
        min_classes=2 if training.labels is None else 1,
    )
    if source.title == training.title and not config.evaluation_root:
        return None
    if source.title == training.title:
        raise DataError(f"the evaluation images and the training images are the same: {source.title}")
    _require_disjoint(training, source)
    if source.labels is None:
        raise DataError(f"the evaluation images of {source.title} have no labels; use one folder per class")
    return source if training.labels is None else _with_classes_of(training, source)


def _has_split(config: DataConfig) -> bool:
    """Return whether the root has a folder or tar of the evaluation split; warn where it has others, but not that."""
    root = find_root(config.root)
    if find_files(config.root, config.evaluation_split) != root:
        return True
    training = find_files(config.root, config.split)
    others = [] if training == root else sorted(each.name for each in root.iterdir() if each not in (training, root))
    if others := [name for name in others if not name.startswith(".") and (root / name).is_dir()]:
        _logger.warning(
            "%s has no folder %s, so a share of %g of the training images is held out for the final accuracy; its other "
            "folders, which the evaluation split may name, are %s",
            *(root, config.evaluation_split, config.evaluation_share, ", ".join(others[:5])),
        )
    return False


def _has_parquet_split(config: DataConfig) -> bool:
    """Return whether a folder of Parquet files has some of the evaluation split."""
    root = find_root(config.root)
    return root.is_dir() and bool(find_parquet(root, config.evaluation_split))


def _require_disjoint(training: Source, evaluation: Source) -> None:
    """Raise `DataError` if files of the evaluation images are also training images, under whatever path."""
    same = {*map(os.path.realpath, training.shards)} & {*map(os.path.realpath, evaluation.shards)}
    if same:
        raise DataError(
            f"{len(same):,} of the shards of the evaluation images, in {evaluation.title}, are training shards as well, such as "
            f"{min(same)}; give each split shards of its own, or set data.evaluation_split to empty text"
        )
    if training.spans is None or evaluation.spans is None:
        return
    if training.shards and max(len(training.spans), len(evaluation.spans)) > MAX_COMPARED:
        return  # the sizes of so many images agree so often that most would have to be read
    shared = shared_images(training.spans, evaluation.spans)
    if shared:
        ours, theirs = shared[0]
        raise DataError(
            f"{len(shared):,} of the evaluation images, in {evaluation.title}, are training images as well, such as {theirs}"
            f"{f', which is {ours}' if str(ours) != str(theirs) else ''}; move the training images, in {training.title}, "
            f"into a folder of their own"
        )


def _with_classes_of(training: Source, source: Source) -> Source:
    """Return the source with labels that are class indices of the training data."""
    assert source.labels is not None
    index = {name: number for number, name in enumerate(training.class_names)}
    unknown = [name for name in source.class_names if name not in index]
    if unknown:
        raise DataError(
            f"{source.title} has {number_of(len(unknown), 'class')} that {training.title} does not have, such as {unknown[0]!r}; "
            f"its {len(index)} classes are {', '.join(training.class_names[:5])}{', ...' if len(index) > 5 else ''}"
        )
    mapping = np.array([index[name] for name in source.class_names], dtype=np.int64)
    return replace(source, labels=mapping[source.labels], class_names=training.class_names)


def _window(source: Source, config: DataConfig) -> int:
    """Return how many blocks of storage a shuffled epoch mixes; 0 for any order of images."""
    blocks = source.blocks
    if config.shuffle == "images" or (config.shuffle == "auto" and (blocks is None or not blocks.is_whole)):
        return 0
    if blocks is None:
        raise DataError(
            f"data.shuffle=blocks needs shards (data.name wds/... or parquet), and {source.title} is none; give "
            "data.shuffle=images"
        )
    return blocks.window(int(config.shuffle_memory * 2**30))


def _open_store(source: Source, config: DataConfig, image_size: int, progress: Progress | None) -> ImageStore:
    """Decode the source if it should be cached, and crop and resize it if the result is small enough."""
    unreadable = UnreadableImages(title=source.title, num_images=source.num_images, max_share=config.max_unreadable)
    pixels = decode(source, cache=config.cache, unreadable=unreadable, progress=progress)
    if pixels is not None:
        side = max(pixels.shape[1:3])
        if not config.image_size and image_size > MUCH * side:
            _logger.warning(
                "the images of %s have %d x %d pixels and are enlarged to %d x %d, the size that the network takes by default; "
                "an image size of %d keeps theirs",
                *(source.title, pixels.shape[2], pixels.shape[1], image_size, image_size, side),
            )
        source = replace(source, read=partial(read_array, pixels), pixels=pixels, fingerprint=None)
    store = ImageStore(
        source=source,
        pixels=None,
        unreadable=unreadable,
        image_size=image_size,
        augmentation=config.augmentation,
        crop_ratio=config.crop_ratio,
        interpolation=config.interpolation,
        num_workers=config.num_workers,
        two_view=config.two_view,
        window=_window(source, config),
    )
    if pixels is None or pixels.shape[1:3] == (image_size, image_size):
        return replace(store, pixels=pixels)
    if source.num_images * image_size**2 * 3 > MAX_CACHE_BYTES and config.cache is not True:
        return store
    centred = np.empty((source.num_images, image_size, image_size, 3), dtype=np.uint8)
    for row in range(source.num_images):
        centred[row] = store.centred(source.read(row))
    return replace(store, pixels=centred)
