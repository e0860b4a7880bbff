"""Parameters and multiply-adds of a module, counted exactly on the meta device, without computing anything."""

import copy
from collections.abc import Generator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def count_params(module: nn.Module) -> int:
    """Return the number of parameters, batch norm's running averages not included.

    >>> count_params(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds of one forward pass in eval mode for an input of `shape`, batch included.

    Convolutions, linear layers and matrix products (both of attention too) count, at half of torch's FLOPs; elementwise
    operations do not. The module must be on the meta device (see `meta_copy`): torch knows no count for the fused
    attention of a CPU.

    >>> with torch.device("meta"):
    ...     layer = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    >>> count_macs(layer, (1, 3, 4, 4))
    3456
    """
    with evaluating(module), FlopCounterMode(display=False) as counter:
        module(torch.empty(shape, device="meta"))
    return to_macs(counter.get_total_flops())


def to_macs(flops: int) -> int:
    """Return the multiply-adds of FLOPs as torch counts them."""
    assert flops % 2 == 0, "a multiply-add is two floating point operations"
    return flops // 2


def meta_copy(module: ModuleT) -> ModuleT:
    """Return a copy on the meta device that computes attention by matrix products, which torch can count."""
    twin = copy.deepcopy(module).to("meta")
    for part in twin.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # pyright: ignore[reportArgumentType] - an attribute of timm's attention layers
    return twin


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Put a module in eval mode without autograd while the context lasts."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)
