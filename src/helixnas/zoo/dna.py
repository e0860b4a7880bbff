"""DNA-a to DNA-d: the architectures that the paper found (Fig. 13, Table 2), as timm models."""

from typing import Any

from timm.models import generate_default_cfgs, register_model
from torch import nn

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.space import Architecture, mbconv
from helixnas.zoo.helix_net import CONFIG, create_helix_net

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
"""Text forms in the space of Table 1."""

default_cfgs = generate_default_cfgs({f"dna_{letter}": CONFIG for letter in DNA})


def dna_architecture(letter: str) -> Architecture:
    """Return one of the paper's architectures.

    >>> dna_architecture("c").depth
    19
    """
    if letter not in DNA:
        raise UnknownNameError("DNA architecture", letter, DNA)
    return mbconv().parse(DNA[letter])


@register_model
def dna_a(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build DNA-a: 4.2 M parameters, 335 M multiply-adds at 224 pixels."""
    return _dna("a", pretrained, kwargs)


@register_model
def dna_b(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build DNA-b: 4.9 M parameters, 392 M multiply-adds at 224 pixels."""
    return _dna("b", pretrained, kwargs)


@register_model
def dna_c(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build DNA-c: 5.3 M parameters, 450 M multiply-adds at 224 pixels."""
    return _dna("c", pretrained, kwargs)


@register_model
def dna_d(pretrained: bool = False, **kwargs: Any) -> nn.Module:
    """Build DNA-d: 6.4 M parameters, 593 M multiply-adds at 224 pixels."""
    return _dna("d", pretrained, kwargs)


def _dna(letter: str, pretrained: bool, arguments: dict[str, Any]) -> nn.Module:
    if pretrained:
        raise ConfigError(
            f"no weights are published with HelixNAS; build dna_{letter} without pretrained=True and train it"
        )
    return create_helix_net(f"dna_{letter}", dna_architecture(letter), **arguments)
