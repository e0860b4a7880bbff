"""SlicedOptimizer: an optimizer that is told before a step which slices of its parameters have a gradient."""

from collections.abc import Iterable
from typing import Any

from torch import nn
from torch.optim import Optimizer

from helixnas.supernet import Region, Slice


class SlicedOptimizer(Optimizer):
    """Base of the optimizers that change nothing outside the slices of a step; `regions` are those of each parameter."""

    def __init__(self, params: Iterable[dict[str, Any]] | Iterable[nn.Parameter], defaults: dict[str, Any]) -> None:
        super().__init__(params, defaults)
        self.regions: dict[nn.Parameter, set[Region]] = {}

    def expect(self, slices: Iterable[Slice]) -> None:
        """Name all slices that have a gradient in the next step; they may overlap."""
        self.regions = {}
        for parameter, region in slices:
            self.regions.setdefault(parameter, set()).add(region)
