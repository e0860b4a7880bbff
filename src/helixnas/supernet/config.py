"""SupernetConfig: how the supernet is built around a search space."""

from typing import Literal

from helixnas.settings import settings

Interface = Literal["adapter", "widen"]


@settings("supernet")
class SupernetConfig:
    """How the supernet is built around a search space."""

    interface: Interface = "adapter"
    """How student widths are matched to the teacher's: by 1x1 convolutions (adapter), or by first and last layers of the
    teacher's width (widen, as in the authors' released code)."""

    zero_init_residual: bool = False
    """Start each layer that has a shortcut as the identity: the weight of its last batch norm starts at 0."""
