"""Adam for slices: a weight outside the slices of a step keeps its value, its moments and its bias correction.

The gradient of a slice is zero in the rest of its tensor. Torch's Adam would still decay the moments there, move the
weights along them, and count the step. This one touches only the regions it was given, each weight once. The correction
1 - beta^n of a weight after n steps of its own is the moving average of n ones, so it is held beside the moments and updated
like them. Every weight thus behaves as under an Adam of its own that sees only the steps it takes part in.
"""

# pyright: reportPrivateUsage=false
# torch's optimisers are built of these functions on lists of tensors, which have no public names.

from collections.abc import Callable, Iterable
from typing import Any, cast

import torch
from torch import Tensor, nn

from helixnas.distill.optimizers.sliced import SlicedOptimizer
from helixnas.supernet import disjoint, view_of, whole_region

STATE = ("exp_avg", "correction", "exp_avg_sq", "correction_sq")
"""The moments of a parameter, each followed by its bias correction per weight."""


class SlicedAdam(SlicedOptimizer):
    """Adam, or with `decoupled` AdamW, on the regions given to `expect`; other parameters with a gradient are stepped whole.

    Settings are those of `torch.optim.Adam`.
    """

    def __init__(
        self,
        params: Iterable[nn.Parameter],
        *,
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        decoupled: bool = False,
    ) -> None:
        defaults = {"lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "decoupled": decoupled}
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Update the weights of the expected slices from their gradients."""
        assert closure is None, "the loop computes gradients itself"
        for group in self.param_groups:
            parts = [
                part for parameter in group["params"] if parameter.grad is not None for part in self._parts(parameter)
            ]
            if parts:
                _update(*map(list, zip(*parts, strict=True)), group=group)

    def _parts(self, parameter: nn.Parameter) -> list[tuple[Tensor, ...]]:
        """Return weight, gradient, and per beta the moment and its correction, of every region, as views."""
        state = cast(dict[str, Tensor], self.state[parameter])
        for name in STATE:
            if name not in state:
                state[name] = torch.zeros_like(parameter)
        assert parameter.grad is not None, "asked by step"
        tensors = (parameter, parameter.grad, *(state[name] for name in STATE))
        regions = self.regions.get(parameter) or {whole_region(parameter)}
        return [tuple(view_of(tensor, region) for tensor in tensors) for region in disjoint(regions)]


def _update(
    weights: list[Tensor],
    grads: list[Tensor],
    firsts: list[Tensor],
    first_corrections: list[Tensor],
    seconds: list[Tensor],
    second_corrections: list[Tensor],
    *,
    group: dict[str, Any],
) -> None:
    """Adam's update of views, in place; `firsts` and `seconds` are the moments."""
    lr, decay, (beta1, beta2) = group["lr"], group["weight_decay"], group["betas"]
    if decay and group["decoupled"]:
        torch._foreach_mul_(weights, 1 - lr * decay)
    elif decay:
        grads = list(torch._foreach_add(grads, weights, alpha=decay))
    torch._foreach_lerp_(firsts, grads, 1 - beta1)
    torch._foreach_mul_(seconds, beta2)
    torch._foreach_addcmul_(seconds, grads, grads, 1 - beta2)
    for corrections, beta in ((first_corrections, beta1), (second_corrections, beta2)):
        torch._foreach_mul_(corrections, beta)
        torch._foreach_add_(corrections, 1 - beta)
    scales = torch._foreach_div(seconds, second_corrections)
    torch._foreach_sqrt_(scales)
    torch._foreach_add_(scales, group["eps"])
    torch._foreach_addcdiv_(weights, torch._foreach_div(firsts, first_corrections), scales, -lr)
