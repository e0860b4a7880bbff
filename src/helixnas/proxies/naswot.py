"""NASWOT: how differently the units of an untrained network respond to different images (Mellor et al., ICML 2021)."""

from typing import Any

import timm.layers
import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.engine import to_float64
from helixnas.errors import ConfigError

ACTIVATIONS: tuple[type[nn.Module], ...] = (
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.PReLU, nn.ELU, nn.CELU, nn.SELU, nn.SiLU, nn.GELU, nn.Mish, nn.Hardswish),
    *(timm.layers.GELU, timm.layers.GELUTanh, timm.layers.HardMish, timm.layers.HardSwish, timm.layers.Mish),
    *(timm.layers.PReLU, timm.layers.QuickGELU, timm.layers.Swish),
)
"""Activations whose response changes sign, or slope, at 0."""


def naswot(model: nn.Module, images: Float[Tensor, "batch channels height width"]) -> float:
    """Return the log-determinant of the matrix of equal responses; higher is better.

    A unit responds to an image if its activation receives more than 0: the linear region of a ReLU, and the sign before a
    SiLU or GELU. Entry (i, j) of the matrix counts the units that respond alike to images i and j. Batch norm takes the
    statistics of these images. The value is -inf if two images give the same responses.

    Raises `ConfigError` if the network has none of `ACTIVATIONS`.
    """
    number = len(images)
    alike: list[Tensor] = []

    def count(module: nn.Module, arguments: tuple[Any, ...]) -> None:
        received = arguments[0].detach()
        if len(received) == number:  # attention in windows folds images into more rows
            responses = (received > 0).flatten(1).float()
            silent = 1 - responses
            alike.append(to_float64(responses @ responses.T + silent @ silent.T))

    hooks = [part.register_forward_pre_hook(count) for part in model.modules() if isinstance(part, ACTIVATIONS)]
    mode = model.training
    try:
        with torch.no_grad():
            model.train()(images)
    finally:
        model.train(mode)
        for hook in hooks:
            hook.remove()
    if not alike:
        raise ConfigError("naswot needs a network with activations such as ReLU, SiLU or GELU, but this one calls none")
    sign, value = torch.linalg.slogdet(torch.stack(alike).sum(0))
    return float(value) if float(sign) > 0 else float("-inf")
