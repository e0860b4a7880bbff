"""The paper's architectures DNA-a to DNA-d (Fig. 13, Table 2) and scaled DNA-c (Table 4) as timm models, without weights."""

from typing import Any, NamedTuple

from timm.models import generate_default_cfgs, register_model
from torch import nn

from helixnas.errors import UnknownNameError
from helixnas.space import Architecture, mbconv, scale
from helixnas.zoo.helix_net import CONFIG, create_helix_net, require_weights

DNA = {
    "a": (
        "24:mb3_k5,mb3_k3,mb6_k3 "
        "40:mb3_k3,mb3_k3,mb3_k5,mb6_k3 "
        "80:mb6_k7,mb3_k3,mb3_k5,mb6_k3 "
        "96:mb6_k5,mb3_k5,mb3_k5,mb6_k5 "
        "160:mb6_k5,mb3_k5,mb3_k5,mb3_k5,mb6_k5 "
        "320:mb6_k3"
    ),
    "b": (
        "24:mb3_k3,mb3_k5,mb6_k7 "
        "40:mb6_k7,mb3_k5,mb6_k7 "
        "80:mb6_k5,mb3_k5,mb3_k5,mb6_k3 "
        "96:mb6_k5,mb3_k5,mb3_k5,mb6_k5 "
        "192:mb6_k7,mb3_k5,mb3_k5,mb3_k5,mb6_k7 "
        "320:mb6_k3"
    ),
    "c": (
        "24:mb6_k5,mb6_k3 "
        "40:mb6_k5,mb6_k5,mb6_k3,mb6_k5 "
        "80:mb6_k5,mb6_k3,mb6_k5,mb6_k5 "
        "112:mb6_k3,mb6_k5,mb6_k5,mb3_k5 "
        "192:mb6_k5,mb3_k5,mb6_k5,mb6_k5 "
        "320:mb6_k3"
    ),
    "d": (
        "24:mb6_k7,mb6_k5,mb6_k7 "
        "40:mb6_k7,mb6_k7,mb6_k7,mb6_k7 "
        "80:mb6_k7,mb6_k5,mb6_k5,mb6_k7 "
        "112:mb6_k7,mb6_k5,mb6_k7,mb6_k5 "
        "192:mb6_k7,mb6_k5,mb6_k5,mb6_k5,mb6_k7 "
        "320:mb6_k3"
    ),
}
"""Text of each architecture in the space of Table 1."""


class Scaling(NamedTuple):
    """Multipliers of DNA-c's width and depth, image side in pixels, and the centre crop of the EfficientNet of that size."""

    width: float
    depth: float
    image_size: int
    crop_pct: float


SCALED = {
    "c1": Scaling(1.0, 1.1, 240, 0.882),
    "c2": Scaling(1.1, 1.2, 260, 0.890),
    "c3": Scaling(1.2, 1.4, 300, 0.904),
    "c4": Scaling(1.4, 1.8, 380, 0.922),
    "c5": Scaling(1.6, 2.2, 456, 0.934),
    "c7": Scaling(2.0, 3.1, 600, 0.949),
}
"""The scaled family of DNA-c (Table 4), with the multipliers of EfficientNet-B1 to B5 and B7."""

_CONFIGS: dict[str, Any] = {f"dna_{letter}": CONFIG for letter in DNA}
for _name, (_, _, _size, _crop) in SCALED.items():
    _CONFIGS[f"dna_{_name}"] = {**CONFIG, "input_size": (3, _size, _size), "crop_pct": _crop}
default_cfgs = generate_default_cfgs(_CONFIGS)


def dna_architecture(name: str) -> Architecture:
    """Return one of the paper's architectures: a, b, c, d, or c1 to c5 and c7.

    >>> dna_architecture("c").depth, dna_architecture("c1").depth
    (19, 25)
    """
    if name in SCALED:
        width, depth, *_ = SCALED[name]
        return scale(dna_architecture("c"), width=width, depth=depth).architecture
    if name not in DNA:
        raise UnknownNameError("DNA architecture", name, (*DNA, *SCALED))
    return mbconv().parse(DNA[name])


def _register(name: str, size: str) -> None:
    variant = f"dna_{name}"

    def build(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        require_weights(variant, pretrained, kwargs)
        return create_helix_net(variant, dna_architecture(name), pretrained=pretrained, **kwargs)

    build.__name__ = build.__qualname__ = variant
    build.__doc__ = f"Build DNA-{name}: {size} pixels."
    register_model(build)


for _name, _text in {
    "a": "4.2 M parameters, 335 M multiply-adds at 224",
    "b": "4.9 M parameters, 392 M multiply-adds at 224",
    "c": "5.3 M parameters, 450 M multiply-adds at 224",
    "d": "6.4 M parameters, 593 M multiply-adds at 224",
    "c1": "7.5 M parameters, 744 M multiply-adds at 240",
    "c2": "8.8 M parameters, 1,086 M multiply-adds at 260",
    "c3": "11.7 M parameters, 1,966 M multiply-adds at 300",
    "c4": "19.2 M parameters, 5,098 M multiply-adds at 380",
    "c5": "30.3 M parameters, 11,580 M multiply-adds at 456",
    "c7": "64.9 M parameters, 42,420 M multiply-adds at 600",
}.items():
    _register(_name, _text)
