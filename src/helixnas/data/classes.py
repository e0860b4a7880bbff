"""Classes of images as indices of a model's classes, matched by name."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from helixnas.data.images import ImageSet
from helixnas.errors import DataError

MAX_SHOWN = 5
"""Class names that a message lists."""


def match_classes(images: ImageSet, known: tuple[str, ...], outputs: int, *, name: str) -> tuple[ImageSet, str]:
    """Return labelled images with the class indices of a model, and a sentence on how they were found.

    The names of the model's classes, `known`, are compared with those of the images, which may be a part of them. If a side has
    no names, the number of `outputs` must be that of the images' classes, and the orders are assumed to agree. `name`
    is the model's, for messages.

    Raises:
        DataError: the model does not predict a class of the images, or their numbers of classes differ.
    """
    wanted, title = images.class_names, images.store.title
    index = {each: position for position, each in enumerate(known)}
    numbered = wanted == tuple(str(position) for position in range(len(wanted)))
    if known and (not numbered or index.keys() >= {*wanted}):
        unknown = [each for each in wanted if each not in index]
        if unknown:
            raise DataError(
                f"{name} does not predict {len(unknown):,} of the {len(wanted):,} classes of {title}: {_some(unknown)}; it "
                f"predicts {_some(known)}"
            )
        assert images.all_labels is not None
        positions = np.array([index[each] for each in wanted], dtype=np.int64)
        matched = replace(images, all_labels=positions[images.all_labels], class_names=known)
        part = (
            f"{len(wanted):,} of the model's {outputs:,} classes" if len(wanted) < outputs else f"{outputs:,} classes"
        )
        return matched, f"{part}, matched by name"
    if outputs != len(wanted):
        raise DataError(f"{name} predicts {outputs:,} classes, but {title} has {len(wanted):,}")
    side = f"the classes of {title} are numbers" if known else f"{name} does not record the names of its classes"
    return images, f"{outputs:,} classes, assumed to be in the order {_some(known or wanted)}, since {side}"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_SHOWN]) + (", ..." if len(names) > MAX_SHOWN else "")
