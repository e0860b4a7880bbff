"""SupernetConfig: how the supernet is built around a search space."""

from typing import Literal

from helixnas.errors import ConfigError
from helixnas.settings import settings

Interface = Literal["adapter", "widen"]
Slices = Literal["prefix", "two-sided"]


@settings("supernet")
class SupernetConfig:
    """How the supernet is built around a search space."""

    interface: Interface = "adapter"
    """How student widths are matched to the teacher's: by 1x1 convolutions (adapter), or by first and last layers of the
    teacher's width (widen, as in the authors' released code)."""

    zero_init_residual: bool = False
    """Start each layer that has a shortcut as the identity: the weight of its last batch norm starts at 0."""

    slimmable: bool = False
    """Let the cells of one depth of a block share their weights: the largest width's tensors hold those of all others, as
    their first channels, heads and hidden units. For spaces of transformer layers with heads of a fixed width."""

    slices: Slices = "prefix"
    """With slimmable: the first channels of the shared weights (prefix), or while training in half of the draws the last ones
    (two-sided); the first ones are rated."""

    init: Literal["random", "teacher"] = "random"
    """Initial weights: drawn by the seed, or with slimmable those of a teacher that is a vision transformer of timm of the
    largest width, most important channels, heads and hidden units first (teacher)."""

    def __post_init__(self) -> None:
        if self.slimmable and self.interface == "widen":
            raise ConfigError(
                "supernet.slimmable needs supernet.interface=adapter: layers that take the teacher's width cannot be slices"
            )
        for name, value, default in (("slices", self.slices, "prefix"), ("init", self.init, "random")):
            if value != default and not self.slimmable:
                raise ConfigError(f"supernet.{name}={value} needs supernet.slimmable=true, but it is false")
