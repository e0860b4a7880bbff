"""Sizes of models, counted on the meta device, and scaling an architecture to a given size."""

from collections.abc import Callable
from functools import cache, partial
from typing import NamedTuple

from helixnas.errors import ConfigError, SpaceError
from helixnas.nn import count_macs, count_params, without_values
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
    with without_values():
        model = create_model(name, {"num_classes": num_classes}, title=f"the model {name!r}", error=ConfigError)
    channels, height, width = model.pretrained_cfg["input_size"]
    return ModelSize(count_params(model), count_macs(model, (1, channels, height, width)), height)


class Bracket(NamedTuple):
    """The two networks next to a size along a rule of scaling."""

    below: Scaled | None
    """The largest that is not above the size; None if even the smallest is."""

    above: Scaled
    """The next larger one."""


def count_architecture(architecture: Architecture, *, image_size: int = 224, num_classes: int = 1000) -> dict[str, int]:
    """Return ``params`` (with the classifier) and ``macs`` (multiply-adds of one image) of a network."""
    with without_values():
        model = HelixNet(architecture, num_classes=num_classes)
    return {"params": count_params(model), "macs": count_macs(model, (1, 3, image_size, image_size))}


def bracket(
    rule: Callable[[float], Scaled], resource: str, amount: int, *, image_size: int = 224, num_classes: int = 1000
) -> Bracket:
    """Return the networks next to `amount` of a resource along a rule, which turns steps (any number) into a network.

    The `resource` is ``params``, or ``macs`` on images of `image_size`. Steps are followed to `FINEST_STEP`.
    """

    @cache
    def count(scaled: Architecture) -> int:
        if resource == "macs":
            return count_architecture(scaled, image_size=image_size, num_classes=num_classes)["macs"]
        with without_values():
            return count_params(HelixNet(scaled, num_classes=num_classes))

    def fits(steps: float) -> bool:
        return count(rule(steps).architecture) <= amount

    if not fits(SMALLEST):
        return Bracket(None, rule(SMALLEST))
    low = 0.0
    while not fits(low):
        low -= 1.0
    while fits(low + 1.0):
        low += 1.0
    high = low + 1.0
    while high - low > FINEST_STEP:
        middle = (low + high) / 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return Bracket(rule(low), rule(high))


def scale_to(architecture: Architecture, *, params: int, image_size: int = 224, num_classes: int = 1000) -> Scaled:
    """Return the largest network with at most `params` parameters along EfficientNet's compound rule (Eq. 9).

    The rule is followed in both directions. Depths are rounded up, so any step up adds a layer to every block. `image_size`
    is that of `architecture`. Raises `SpaceError` if even the smallest scaled network has more parameters.

    >>> from helixnas.zoo import dna_architecture
    >>> smaller = scale_to(dna_architecture("a"), params=2_000_000)
    >>> smaller.image_size, smaller.architecture.depth
    (119, 18)
    """
    rule = partial(compound, architecture, image_size=image_size)
    below, above = bracket(rule, "params", params, num_classes=num_classes)
    if below is None:
        least = count_architecture(above.architecture, num_classes=num_classes)["params"]
        raise SpaceError(
            f"no network scaled from this one has at most {params:,} parameters; the smallest has {least:,}"
        )
    return below
