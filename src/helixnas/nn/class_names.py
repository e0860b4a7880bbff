"""Names of a network's classes, as far as it records them."""

from collections.abc import Collection
from typing import Any

from timm.data import ImageNetInfo, infer_imagenet_subset
from torch import nn


def known_classes(model: nn.Module, wanted: Collection[str]) -> tuple[str, ...]:
    """Return the names of a timm model's classes by index, empty if they are unknown.

    These are the names it was saved with. A network of ImageNet's size without names has WordNet IDs, if all of the
    `wanted` names are such IDs: its weights may as well be of other classes.
    """
    config: Any = getattr(model, "pretrained_cfg", None) or {}
    number = getattr(model, "num_classes", None)
    names = tuple(str(name) for name in config.get("label_names") or ())
    if len(names) == number:
        return names
    subset = infer_imagenet_subset(config) if config.get("num_classes") == number else None
    ids = tuple(ImageNetInfo(subset).label_names()) if subset else ()
    return ids if ids and {*wanted} <= {*ids} else ()
