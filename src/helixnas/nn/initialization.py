"""Weights drawn from an explicit seed, without touching the global generator."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from timm.models._efficientnet_builder import efficientnet_init_weights
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - the public classes' only base

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def seed_from(*parts: int) -> int:
    """Return a 63-bit seed that depends on every part; different parts give independent streams.

    Streams are told apart among equally many parts: as in `numpy.random.SeedSequence`, a trailing 0 counts as none.

    >>> seed_from(0, 1) == seed_from(0, 1), seed_from(0, 1) == seed_from(1, 0)
    (True, False)
    """
    high, low = np.random.SeedSequence(list(parts)).generate_state(2, np.uint32)
    return (int(high) << 31) ^ int(low)


def build_seeded(build: Callable[[], ModuleT], seed: Sequence[int]) -> ModuleT:
    """Build a module on the CPU whose weights depend on `seed` alone; every global generator is left as it was.

    >>> one, two = (build_seeded(lambda: nn.Linear(2, 2), (0, 7)) for _ in range(2))
    >>> torch.equal(one.weight, two.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_from(*seed))  # torch.manual_seed would seed every GPU too
        return build()


def initialize(module: nn.Module) -> None:
    """Draw weights as EfficientNet does: normal of variance 2 / fan-out for convolutions, uniform for linear layers."""
    efficientnet_init_weights(module)


def silence_residual(layer: nn.Module) -> None:
    """Let a timm layer with a shortcut begin as the shortcut alone: its last batch norm's weight becomes 0.

    A layer without a shortcut (timm's `has_skip`), or without a batch norm that has one, stays as it is.
    """
    norms = [part for part in layer.modules() if isinstance(part, _BatchNorm) and part.affine]
    if norms and getattr(layer, "has_skip", False):
        nn.init.zeros_(norms[-1].weight)
