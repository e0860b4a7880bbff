"""Classes of a model and of images: matched by name where the model knows its names."""

from dataclasses import replace
from typing import Any

import numpy as np
from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import nn

from helixnas.data import ImageSet
from helixnas.errors import DataError

MAX_SHOWN = 5
"""Class names that a message lists."""


def class_names_of(model: nn.Module) -> tuple[str, ...]:
    """Return the names of a model's classes by index: those it was trained or saved with, or ImageNet's WordNet IDs.

    Empty if they are unknown, as for a timm name with the weights of a file.
    """
    config: Any = getattr(model, "pretrained_cfg", None) or {}
    names: Any = config.get("label_names") or ()
    number = getattr(model, "num_classes", None)
    if not names and config.get("num_classes") == number and (subset := infer_imagenet_subset(config)):
        names = ImageNetInfo(subset).label_names()
    return tuple(str(name) for name in names) if len(names) == number else ()


def match_classes(model: nn.Module, images: ImageSet, *, name: str) -> tuple[ImageSet, str]:
    """Return labelled images with the class indices of a model, and a sentence on how they were found.

    Class names are compared, and the images may have a part of the model's classes. Where a side has no names, the
    numbers of classes must agree, and the orders are assumed to. `name` is the model's, for messages.

    Raises:
        DataError: the model does not predict a class of the images, or their numbers of classes differ.
    """
    known, wanted, title = class_names_of(model), images.class_names, images.store.title
    outputs = getattr(model, "num_classes", len(wanted))
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


def _some(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names[:MAX_SHOWN]) + (", ..." if len(names) > MAX_SHOWN else "")
