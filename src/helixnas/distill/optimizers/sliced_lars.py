"""LARS for slices (Sec. 4.4): a weight outside the slices of a step keeps its value and its momentum.

LARS moves a tensor by a share of the tensor's own norm. A slice is a layer of its own, so here the norms of weight and
gradient are those of the regions used in the step; for a whole tensor this is LARS as it is. Momentum and weight decay
act within these regions alone.
"""

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from helixnas.distill.optimizers.sliced import SlicedOptimizer
from helixnas.supernet import disjoint, view_of, whole_region

EPSILON = 1e-8
"""Added to the norm by which a step is divided."""


class SlicedLars(SlicedOptimizer):
    """LARS on the regions given to `expect`; other parameters with a gradient are stepped whole.

    Groups with ``adapt`` false (biases and norms) move by momentum alone. `trust_coefficient` is LARS's eta.
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]] | Iterable[nn.Parameter],
        *,
        lr: float,
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        trust_coefficient: float = 0.001,
        adapt: bool = True,
    ) -> None:
        chosen = {"momentum": momentum, "weight_decay": weight_decay, "trust_coefficient": trust_coefficient}
        super().__init__(params, {"lr": lr, **chosen, "adapt": adapt})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update the weights of the expected slices from their gradients."""
        assert closure is None, "the loop computes gradients itself"
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, parameter.grad, group)

    def _update(self, parameter: nn.Parameter, grad: Tensor, group: dict[str, Any]) -> None:
        state = cast(dict[str, Tensor], self.state[parameter])
        if "momentum" not in state:
            state["momentum"] = torch.zeros_like(parameter)
        regions = disjoint(self.regions.get(parameter) or {whole_region(parameter)})
        weights, grads, momenta = (
            [view_of(tensor, region) for region in regions] for tensor in (parameter, grad, state["momentum"])
        )
        decay = group["weight_decay"]
        ratio = _trust(weights, grads, decay, group["trust_coefficient"]) if group["adapt"] else None
        for weight, own, momentum in zip(weights, grads, momenta, strict=True):
            change = own.add(weight, alpha=decay) if decay else own
            momentum.mul_(group["momentum"]).add_(change if ratio is None else change * ratio)
            weight.add_(momentum, alpha=-group["lr"])


def _trust(weights: list[Tensor], grads: list[Tensor], decay: float, coefficient: float) -> Tensor:
    """Return eta |w| / (|g| + decay |w|) over all regions together, and 1 where |w| or |g| is 0."""
    weight, grad = (torch.stack([each.norm() for each in parts]).norm() for parts in (weights, grads))
    ratio = coefficient * weight / (grad + decay * weight + EPSILON)
    return torch.where((weight > 0) & (grad > 0), ratio, torch.ones_like(ratio))
