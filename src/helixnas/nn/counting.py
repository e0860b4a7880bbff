"""Parameters and multiply-adds of a module, counted on the meta device: exact, and without computing anything."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode


def count_params(module: nn.Module) -> int:
    """Return the number of parameters (batch norm's scale and shift included, its running averages not).

    >>> count_params(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds of one forward pass in eval mode for an input of `shape`, batch included.

    Convolutions, linear layers and matrix products are counted, at half the FLOPs that torch counts; elementwise work
    is not. The module must lie on the meta device.

    >>> with torch.device("meta"):
    ...     layer = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    >>> count_macs(layer, (1, 3, 4, 4))
    3456
    """
    with evaluating(module), FlopCounterMode(display=False) as counter:
        module(torch.empty(shape, device="meta"))
    return to_macs(counter.get_total_flops())


def to_macs(flops: int) -> int:
    """Return multiply-adds of floating point operations as torch counts them."""
    assert flops % 2 == 0, "a multiply-add is two floating point operations"
    return flops // 2


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Keep a module in eval mode and autograd off for a while."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)
