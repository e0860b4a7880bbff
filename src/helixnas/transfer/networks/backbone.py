"""Backbone: any timm model as an encoder of segmentation_models_pytorch (SMP).

SMP's encoders return the image and its feature maps at reductions 2, 4, 8, 16 and 32. Importing this module registers the
zoo's models with SMP, so that its users can write ``smp.DeepLabV3Plus("helixnas-dna_c3", encoder_weights=None)``;
`register_encoder` adds an architecture under a name of its own, since SMP passes no arguments on.
"""

import itertools
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import timm
from torch import Tensor, nn

from helixnas.errors import ConfigError
from helixnas.nn import dilate
from helixnas.space import Architecture
from helixnas.transfer.extra import require_extra
from helixnas.transfer.networks.tokens import TokenPyramid
from helixnas.zoo import HELIXNAS, ZOO

PREFIX = "helixnas-"
REDUCTIONS = (2, 4, 8, 16, 32)
_NUMBERS = itertools.count()


class Backbone(nn.Module):
    """The feature maps of a timm model, at reductions 2 to 2 ** `depth`; a reduction that it lacks has 0 channels.

    The model is changed in place: its classifier goes, and with it the layers that no map needs. Messages call it `name`.
    Raises `ConfigError` if the model gives no feature maps, or none at the last reduction.
    """

    def __init__(self, model: nn.Module, *, depth: int = 5, name: str = "the model") -> None:
        super().__init__()
        self.name = name
        self._depth, self._output_stride = depth, 32
        self._last = last_maps(model, name)
        if REDUCTIONS[depth - 1] not in self._last:
            known = ", ".join(map(str, self._last)) or "none"
            raise ConfigError(f"{name} has no features of stride {REDUCTIONS[depth - 1]}, only of {known}")
        self.indices = [self._last[each][0] for each in REDUCTIONS[:depth] if each in self._last]
        self._widths = [self._last[each][1] if each in self._last else 0 for each in REDUCTIONS[:depth]]
        self.in_channels = 3
        if hasattr(model, "prune_intermediate_layers"):
            model.prune_intermediate_layers(self.indices)  # pyright: ignore[reportCallIssue] - a method of timm's models
        self.model: Any = model

    @property
    def out_channels(self) -> list[int]:
        """Channels of the image and of every map."""
        return [self.in_channels, *self._widths]

    @property
    def output_stride(self) -> int:
        """Stride of the last map."""
        return min(self._output_stride, 2**self._depth)

    def make_dilated(self, output_stride: int) -> None:
        """Dilate the later layers, so that no map has a stride above the output stride."""
        dilate(_Maps(self.model, self.indices), output_stride, name=self.name)
        self._output_stride = output_stride

    def set_in_channels(self, in_channels: int, pretrained: bool = True) -> None:
        """Raise `ConfigError` unless the images have the 3 channels of the model."""
        if in_channels != self.in_channels:
            raise ConfigError(f"{self.name} takes images of {self.in_channels} channels, not {in_channels}")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Return the images and the maps of normalised images, from fine to coarse."""
        found = iter(_maps(self.model, images, self.indices))
        maps = [images]
        for reduction, width in zip(REDUCTIONS, self._widths, strict=False):
            size = [each // reduction for each in images.shape[2:]]
            maps.append(next(found) if width else images.new_empty([len(images), 0, *size]))
        return maps


class _Maps(nn.Module):
    """Returns the maps alone; a module, to be traced."""

    def __init__(self, model: nn.Module, indices: Sequence[int]) -> None:
        super().__init__()
        self.model, self.indices = model, list(indices)

    def forward(self, images: Tensor) -> list[Tensor]:
        return _maps(self.model, images, self.indices)


def _maps(model: Any, images: Tensor, indices: Sequence[int]) -> list[Tensor]:
    return model.forward_intermediates(images, indices=list(indices), intermediates_only=True)


def last_maps(model: Any, name: str) -> dict[int, tuple[int, int]]:
    """Return, by reduction, the index of the last feature map of a model and its channels.

    Raises `ConfigError` if the model does not list its features as timm's models do.
    """
    info = getattr(model, "feature_info", None)
    if not info or not callable(getattr(model, "forward_intermediates", None)):
        raise ConfigError(f"{name} gives no feature maps: it has no forward_intermediates, as timm's models do")
    return {int(each["reduction"]): (index, int(each["num_chs"])) for index, each in enumerate(info)}


def is_flat(model: Any) -> bool:
    """Return whether all feature maps of a model have one size, as in a plain vision transformer."""
    info = getattr(model, "feature_info", None) or ()
    return len(info) > 1 and len({each["reduction"] for each in info}) == 1


@contextmanager
def temporary_encoder(encoder: nn.Module) -> Generator[str]:
    """Register an encoder with SMP while the context lasts, and yield its name."""
    require_extra("segmentation_models_pytorch")
    from segmentation_models_pytorch.encoders import encoders

    def found(depth: int = 5, output_stride: int = 32) -> nn.Module:
        return encoder

    name = f"{PREFIX}{next(_NUMBERS)}"
    encoders[name] = {"encoder": found, "params": {}, "pretrained_settings": {}}
    try:
        yield name
    finally:
        del encoders[name]


def register_encoder(name: str, architecture: Architecture | str | Path) -> str:
    """Register an architecture, or the file of one, as an SMP encoder; return its name there, ``helixnas-NAME``.

    Raises `ConfigError` if the name is taken by a model of the zoo.
    """
    if name in ZOO:
        raise ConfigError(f"{PREFIX}{name} is a model of the zoo; choose another name")
    return _register(name, lambda: timm.create_model(HELIXNAS, arch=architecture))


def _register(name: str, build: Callable[[], nn.Module]) -> str:
    require_extra("segmentation_models_pytorch")
    from segmentation_models_pytorch.encoders import encoders

    def make(depth: int = 5, output_stride: int = 32) -> nn.Module:
        model = build()
        return TokenPyramid(model, name=name) if is_flat(model) else Backbone(model, depth=depth, name=name)

    encoders[f"{PREFIX}{name}"] = {"encoder": make, "params": {}, "pretrained_settings": {}}
    return f"{PREFIX}{name}"


def _builder(name: str) -> Callable[[], nn.Module]:
    return lambda: timm.create_model(name)


for _name in ZOO:
    _register(_name, _builder(_name))
