"""Initial weights from an explicit seed; the global generators are left alone."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from timm.models._efficientnet_builder import efficientnet_init_weights
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - the public classes' only base

ModuleT = TypeVar("ModuleT", bound=nn.Module)


def seed_from(*parts: int) -> int:
    """Return a 63-bit seed that depends on all parts; different parts give independent streams.

    Compare only seeds of equally many parts: as in `numpy.random.SeedSequence`, a trailing 0 is ignored.

    >>> seed_from(0, 1) == seed_from(0, 1), seed_from(0, 1) == seed_from(1, 0)
    (True, False)
    """
    high, low = np.random.SeedSequence(list(parts)).generate_state(2, np.uint32)
    return (int(high) << 31) ^ int(low)


def build_seeded(build: Callable[[], ModuleT], seed: Sequence[int]) -> ModuleT:
    """Build a module on the CPU with weights that depend only on `seed`; the global generators keep their state.

    >>> one, two = (build_seeded(lambda: nn.Linear(2, 2), (0, 7)) for _ in range(2))
    >>> torch.equal(one.weight, two.weight)
    True
    """
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed_from(*seed))  # torch.manual_seed would seed every GPU too
        return build()


def initialize(module: nn.Module) -> None:
    """Initialise weights as EfficientNet does: normal of variance 2 / fan-out for convolutions, uniform for linear layers."""
    efficientnet_init_weights(module)


def silence_residual(layer: nn.Module) -> None:
    """Zero the weight of a residual layer's last batch norm, so that the layer starts as the identity.

    Layers without a shortcut (timm's `has_skip`) or without an affine batch norm are not changed.
    """
    norms = [part for part in layer.modules() if isinstance(part, _BatchNorm) and part.affine]
    if norms and getattr(layer, "has_skip", False):
        nn.init.zeros_(norms[-1].weight)
