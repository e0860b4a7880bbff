"""Weights drawn from an explicit seed, without touching the global generator."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from timm.models._efficientnet_builder import efficientnet_init_weights
from torch import nn

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
