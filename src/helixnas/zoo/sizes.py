"""How large the models are: parameters and multiply-adds, counted on the meta device, and scaling to a given size."""

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
"""The published architectures by timm name; beside them ``helixnas`` builds any other."""

FINEST_STEP = 1 / 1024
"""How close to the largest network that fits `scale_to` comes, in steps of the compound rule."""

SMALLEST = -128.0
"""Steps of the compound rule after which widths and depths are the least there are."""


class ModelSize(NamedTuple):
    """The size of a model for the images it is meant for."""

    params: int
    """Parameters, with the classifier."""

    macs: int
    """Multiply-adds of one image."""

    image_size: int
    """Side of the image in pixels."""


def model_size(name: str, *, num_classes: int = 1000) -> ModelSize:
    """Return the size of a model that timm knows by `name`.

    >>> model_size("dna_a")
    ModelSize(params=4243318, macs=335141728, image_size=224)
    """
    with torch.device("meta"):
        model = create_model(name, {"num_classes": num_classes}, title=f"the model {name!r}", error=ConfigError)
    channels, height, width = model.pretrained_cfg["input_size"]
    return ModelSize(count_params(model), count_macs(model, (1, channels, height, width)), height)


def scale_to(architecture: Architecture, *, params: int, image_size: int = 224, num_classes: int = 1000) -> Scaled:
    """Return the largest network with at most `params` parameters along EfficientNet's compound rule (Eq. 9).

    The rule is followed in both directions; one `FINEST_STEP` further on it there would be more than `params`. Depths
    are rounded up, so the first step beyond the network itself already adds a layer to every block.

    Args:
        architecture: where the rule begins.
        params: the most parameters, with the classifier.
        image_size: side of the images that `architecture` is meant for, in pixels.
        num_classes: outputs of the classifier.

    Raises:
        SpaceError: even the smallest network of the rule has more.

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
