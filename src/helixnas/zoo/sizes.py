"""Sizes of models, counted on the meta device, and scaling an architecture to a given size."""

from functools import cache
from typing import NamedTuple

import torch

from helixnas.errors import ConfigError, SpaceError
from helixnas.nn import count_macs, count_params
from helixnas.space import Architecture, Scaled, compound
from helixnas.zoo.creation import create_model
from helixnas.zoo.dna import DNA, SCALED
from helixnas.zoo.helix_net import HelixNet

ZOO = tuple(f"dna_{name}" for name in (*DNA, *SCALED))
"""timm names of the paper's architectures; ``helixnas`` builds any other."""

FINEST_STEP = 1 / 1024
"""Precision of `scale_to`, in steps of the compound rule."""

SMALLEST = -128.0
"""Steps of the compound rule at which widths and depths have reached their minimum."""


class ModelSize(NamedTuple):
    """Parameters with the classifier, multiply-adds of one image, and the side of that image in pixels."""

    params: int
    macs: int
    image_size: int


def model_size(name: str, *, num_classes: int = 1000) -> ModelSize:
    """Return the size of a timm model.

    >>> model_size("dna_a")
    ModelSize(params=4243318, macs=335141728, image_size=224)
    """
    with torch.device("meta"):
        model = create_model(name, {"num_classes": num_classes}, title=f"the model {name!r}", error=ConfigError)
    channels, height, width = model.pretrained_cfg["input_size"]
    return ModelSize(count_params(model), count_macs(model, (1, channels, height, width)), height)


def scale_to(architecture: Architecture, *, params: int, image_size: int = 224, num_classes: int = 1000) -> Scaled:
    """Return the largest network with at most `params` parameters along EfficientNet's compound rule (Eq. 9).

    The rule is followed in both directions, to a precision of `FINEST_STEP`. Depths are rounded up, so any step up adds
    a layer to every block. `image_size` is that of `architecture`. Raises `SpaceError` if even the smallest scaled
    network has more parameters.

    >>> from helixnas.zoo import dna_architecture
    >>> smaller = scale_to(dna_architecture("a"), params=2_000_000)
    >>> smaller.image_size, smaller.architecture.depth
    (119, 18)
    """

    @cache
    def count(scaled: Architecture) -> int:
        with torch.device("meta"):
            return count_params(HelixNet(scaled, num_classes=num_classes))

    def fits(steps: float) -> bool:
        return count(compound(architecture, steps).architecture) <= params

    if not fits(SMALLEST):
        least = count(compound(architecture, SMALLEST).architecture)
        raise SpaceError(
            f"no network scaled from this one has at most {params:,} parameters; the smallest has {least:,}"
        )
    low = 0.0
    while not fits(low):
        low -= 1.0
    while fits(low + 1.0):
        low += 1.0
    high = low + 1.0
    while high - low > FINEST_STEP:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return compound(architecture, low, image_size=image_size)
