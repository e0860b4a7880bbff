"""Normalisation of images: from values in [0, 1] to the input of a network."""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.errors import ConfigError


class Normalization(nn.Module):
    """Subtract a mean and divide by a standard deviation, per channel; raises `ConfigError` if the two differ in length.

    >>> Normalization((0.5,), (0.25,))(torch.ones(1, 1, 1, 1)).item()
    2.0
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != len(std) or not mean:
            raise ConfigError(f"mean and std need one entry per image channel, not {len(mean)} and {len(std)}")
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).reshape(1, -1, 1, 1))

    def forward(
        self, images: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Normalise images on any device."""
        return (images - self.mean.to(images.device)) / self.std.to(images.device)
