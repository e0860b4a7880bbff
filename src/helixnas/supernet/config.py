"""SupernetConfig: how the supernet is built around a search space."""

from typing import Literal

from helixnas.settings import settings

Interface = Literal["adapter", "widen"]


@settings("supernet")
class SupernetConfig:
    """How the supernet is built around a search space."""

    interface: Interface = "adapter"
    """How student and teacher widths meet: by 1x1 convolutions (adapter), or by wider first and last layers (widen, the
    authors' release)."""

    zero_init_residual: bool = False
    """Start each layer that has a shortcut as the shortcut alone: the weight of its last batch norm starts at 0."""
