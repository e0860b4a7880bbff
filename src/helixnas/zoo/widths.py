"""Scaling any timm model in width, so that it needs as many multiply-adds as another network.

Most of timm's families of convolutional networks take a width multiplier, but only their builders do, not the functions
registered under a name. `widened` therefore calls a registered function with its builder replaced by one that scales.
"""

import inspect
import math
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, NamedTuple

import timm
import torch.nn.functional as F
from jaxtyping import Float
from timm.models import model_entrypoint
from torch import Tensor, nn

from helixnas.errors import ConfigError, HelixError, first_line
from helixnas.nn import count_macs, count_params, meta_copy, without_values
from helixnas.zoo.creation import create_model

CLOSE = 0.005
"""Relative difference from the wanted multiply-adds at which the search for a width ends."""

FINEST = 1 / 128
"""Relative difference of two multipliers at which it ends, since nothing between them can be built."""

NARROWEST, WIDEST = 1 / 64, 64.0
"""Range of the multipliers that are tried."""

STEP = 4
"""Channels are multiples of this where the family has no rule of its own."""

MULTIPLIER = "channel_multiplier"
"""Parameter of the builders of EfficientNet, MobileNet, MNASNet, MixNet, LCNet, FBNet and their relatives."""


@dataclass(frozen=True, kw_only=True)
class SizedModel:
    """A timm model of some width, and its size."""

    name: str
    multiplier: float | None
    """Factor of all widths; None for a model whose width cannot be scaled, which is then the ordinary one."""

    params: int
    macs: int
    """Multiply-adds of one image."""

    is_narrowest: bool = False
    """Whether no narrower one can be built, although it needs more than was wanted."""

    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Arguments of its constructor."""

    enlarged_to: int | None = None
    """Height and width in pixels to which it enlarges its images, a part of the network; None for images as they are."""

    def build(self, **others: Any) -> nn.Module:
        """Return the network with random weights; `others` are further arguments of its constructor."""
        model = widened(self.name, self.multiplier, {**self.arguments, **others})
        return model if self.enlarged_to is None else Enlarged(model, self.enlarged_to)


class Enlarged(nn.Module):
    """A model made for larger images: it gets small ones enlarged, bilinearly, to a height and width of `size` pixels."""

    def __init__(self, model: nn.Module, size: int) -> None:
        super().__init__()
        self.model, self.size = model, size

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the model's logits of the enlarged images."""
        return self.model(F.interpolate(images, size=(self.size, self.size), mode="bilinear"))


def scale_width(name: str, *, macs: int, image_size: int, num_classes: int) -> SizedModel:
    """Return the timm model whose multiply-adds come nearest to `macs`, of all its widths.

    A model that takes images of one size only is built for `image_size`. Raises `UnknownNameError` for a model that timm does
    not know, `ConfigError` for one that cannot take such images.

    >>> narrow = scale_width("mobilenetv3_small_100", macs=2_000_000, image_size=32, num_classes=10)
    >>> abs(narrow.macs - 2_000_000) < 40_000, 0.8 < narrow.multiplier < 1.0
    (True, True)
    """
    ordinary = as_it_is(name, {"num_classes": num_classes}, image_size=image_size)
    if _family(name) is None:
        return ordinary
    sizes = {1.0: _Size(ordinary.params, ordinary.macs)}

    def size(multiplier: float) -> _Size | None:
        try:
            sizes[multiplier] = _size(name, multiplier, ordinary.arguments, image_size)
        except HelixError:  # too narrow to be built
            return None
        return sizes[multiplier]

    least = size(NARROWEST) if ordinary.macs > macs else None
    if least is None or least.macs < macs:
        _approach(size, macs, ordinary.macs)
    if len(sizes) == 1 and abs(ordinary.macs / macs - 1) > CLOSE:  # no other width can be built
        return ordinary
    best = min(sizes, key=lambda multiplier: (abs(sizes[multiplier].macs - macs), multiplier))
    return SizedModel(
        name=name,
        multiplier=best,
        params=sizes[best].params,
        macs=sizes[best].macs,
        is_narrowest=best == min(sizes) and sizes[best].macs > macs,
        arguments=ordinary.arguments,
    )


def as_it_is(name: str, arguments: Mapping[str, Any], *, image_size: int) -> SizedModel:
    """Return a timm model of its ordinary width; one that takes images of one size only is built for `image_size`.

    Raises `UnknownNameError` for a model that timm does not know, `ConfigError` for one that cannot take such images.
    """
    failure: HelixError | None = None
    for further in ({}, {"img_size": image_size}):
        chosen = {**further, **arguments}
        try:
            found = _size(name, None, chosen, image_size)
        except ConfigError as error:
            failure = failure or error
            continue
        return SizedModel(name=name, multiplier=None, params=found.params, macs=found.macs, arguments=chosen)
    assert failure is not None
    raise failure


def widened(name: str, multiplier: float | None, arguments: Mapping[str, Any]) -> nn.Module:
    """Return a timm model with random weights, all its widths multiplied; None for its ordinary ones.

    Raises `ConfigError` if it cannot be built with such widths or arguments.
    """
    title = f"the model {name!r}" + ("" if multiplier in (None, 1.0) else f" of {multiplier:.3g} times its width")
    if multiplier in (None, 1.0):
        return create_model(name, arguments, title=title, error=ConfigError)
    family = _family(name)
    assert family is not None, "only a model of a known family has been scaled"
    entry, (builder, scale) = model_entrypoint(name), family
    build = entry.__globals__[builder]

    def scaled(*given: Any, **named: Any) -> Any:
        bound = inspect.signature(build).bind(*given, **named)
        scale(_Arguments(bound.arguments, known=entry.__globals__), multiplier)
        return build(*bound.args, **bound.kwargs)

    own = FunctionType(entry.__code__, {**entry.__globals__, builder: scaled}, name, entry.__defaults__)
    own.__kwdefaults__ = entry.__kwdefaults__
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of layers without channels, which are refused below
            model = own(pretrained=False, **arguments)
    except Exception as error:  # timm's code raises anything
        raise ConfigError(f"{title} cannot be built: {first_line(error)}") from error
    if any(parameter.numel() == 0 for parameter in model.parameters()):
        raise ConfigError(f"{title} cannot be built: it has layers without channels")
    return model


def _approach(size: Callable[[float], "_Size | None"], macs: int, ordinary: int) -> None:
    """Build the model with widths that come ever closer to `macs`, guessing that these grow as the square of the width."""
    low, high = (NARROWEST, 1.0) if ordinary > macs else (1.0, WIDEST)
    guess, is_guess = math.sqrt(macs / ordinary), True
    while high / low > 1 + FINEST:
        multiplier = guess if is_guess and low < guess < high else math.sqrt(low * high)
        found = size(multiplier)
        if found is not None and abs(found.macs / macs - 1) <= CLOSE:
            return
        if found is not None and found.macs > macs:
            high = multiplier
        else:
            low = multiplier
        is_guess = not is_guess or found is None
        guess = 0.0 if found is None else multiplier * math.sqrt(macs / found.macs)


class _Size(NamedTuple):
    params: int
    macs: int


def _size(name: str, multiplier: float | None, arguments: Mapping[str, Any], image_size: int) -> _Size:
    """Return the size of a model on the meta device; raises `ConfigError` if it does not take such images."""
    with without_values():
        model = widened(name, multiplier, arguments)
    try:
        return _Size(count_params(model), count_macs(meta_copy(model), (1, 3, image_size, image_size)))
    except Exception as error:  # the model's own code raises anything
        raise ConfigError(f"{name} does not take images of {image_size} pixels: {first_line(error)}") from error


class _Arguments:
    """The arguments of a call of a builder, to be changed in place: its own, and those that it hands on."""

    def __init__(self, own: dict[str, Any], *, known: Mapping[str, Any]) -> None:
        self.own = own
        self.handed_on: dict[str, Any] = own.setdefault("kwargs", {})
        self.known = known
        """Globals of the builder's module."""


Scale = Callable[[_Arguments, float], None]
"""Multiplies the widths among the arguments of a builder."""


def _family(name: str) -> tuple[str, Scale] | None:
    """Return the builder that the function of a timm model calls, and how to scale it; None if that is not known."""
    if not timm.is_model(name):  # of the hub or a folder
        return None
    entry = model_entrypoint(name)
    for builder in entry.__code__.co_names:
        called = entry.__globals__.get(builder)
        if builder in BUILDERS:
            return builder, BUILDERS[builder]
        if inspect.isfunction(called) and MULTIPLIER in inspect.signature(called).parameters:
            return builder, _scale_multiplier
    return None


def _rounded(width: float) -> int:
    return max(STEP, STEP * round(width / STEP))


def _scale_multiplier(given: _Arguments, by: float) -> None:
    given.own[MULTIPLIER] = by * given.own.get(MULTIPLIER, 1.0)


def _scale_resnet(given: _Arguments, by: float) -> None:
    named = given.handed_on
    named["channels"] = tuple(_rounded(by * width) for width in named.get("channels", (64, 128, 256, 512)))
    if "stem_width" in named:
        named["stem_width"] = _rounded(by * named["stem_width"])


def _scale_convnext(given: _Arguments, by: float) -> None:
    given.handed_on["dims"] = tuple(_rounded(by * width) for width in given.handed_on["dims"])


def _scale_transformer(given: _Arguments, by: float) -> None:
    num_heads = given.handed_on["num_heads"]
    given.handed_on["embed_dim"] = num_heads * _rounded(by * given.handed_on["embed_dim"] / num_heads)


def _scale_regnet(given: _Arguments, by: float) -> None:
    config = given.known["model_cfgs"][given.own["variant"]]
    given.handed_on |= {"w0": 2 * _rounded(by * config.w0 / 2), "wa": by * config.wa}


BUILDERS: Mapping[str, Scale] = {
    "_create_resnet": _scale_resnet,
    "_create_convnext": _scale_convnext,
    "_create_vision_transformer": _scale_transformer,
    "_create_deit": _scale_transformer,
    "_create_regnet": _scale_regnet,
}
"""Builders whose widths are arguments of the network."""
