"""Initial weights from an explicit seed; the global generators are left alone."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from timm.models._efficientnet_builder import (
    _init_weight_goog,  # pyright: ignore[reportPrivateUsage] - the rule without its loop has no public name
    efficientnet_init_weights,
)
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - the public classes' only base
from torch.overrides import TorchFunctionMode

from helixnas.nn.attention import AttentionLayer

ModuleT = TypeVar("ModuleT", bound=nn.Module)

SETS_VALUES = frozenset(
    {
        *(Tensor.uniform_, Tensor.normal_, Tensor.zero_, Tensor.fill_, Tensor.copy_, Tensor.erfinv_),
        *(Tensor.add_, Tensor.sub_, Tensor.mul_, Tensor.div_, Tensor.clamp_),
    }
)
"""Operations in place that initialise weights; none changes a shape."""


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


@contextmanager
def without_values() -> Generator[None]:
    """Build modules on the meta device, where weights have no values; what would initialise them does nothing.

    There, torch works out a truncated normal distribution in dozens of steps, which takes longer than to build a network.

    >>> with without_values():
    ...     layer = nn.Linear(2, 3)
    >>> layer.weight.device.type, tuple(layer.weight.shape)
    ('meta', (3, 2))
    """
    with torch.device("meta"), _NoInitialization():
        yield


class _NoInitialization(TorchFunctionMode):
    """Skips what sets the values of parameters on the meta device."""

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in SETS_VALUES and type(args[0]) is nn.Parameter and args[0].is_meta:
            return args[0]
        return func(*args, **(kwargs or {}))


def initialize(module: nn.Module) -> None:
    """Initialise weights as EfficientNet does: normal of variance 2 / fan-out for convolutions, uniform for linear layers.

    Layers with a method `init_weights`, such as transformer layers, then initialise themselves. Weights on the meta device have
    no values, so nothing is done to them, which would take longer than to build them.
    """
    if all(parameter.is_meta for parameter in module.parameters()):
        return
    efficientnet_init_weights(module, _initialize_one)
    if isinstance(module, AttentionLayer):  # timm leaves out the module itself
        module.init_weights()


def _initialize_one(module: nn.Module, name: str) -> None:
    if not isinstance(module, nn.Linear) or "bias" in dict(module.named_parameters()):  # timm expects one
        _init_weight_goog(module, name)


def silence_residual(layer: nn.Module) -> None:
    """Make a residual layer start as the identity, by zeros in the last batch norm or the last layers of its branches.

    Layers without a shortcut around all of them (timm's `has_skip`) or without an affine batch norm are not changed;
    transformer layers whose entry changes width or grid start as their entry.
    """
    if isinstance(layer, AttentionLayer):
        layer.silence()
        return
    norms = [part for part in layer.modules() if isinstance(part, _BatchNorm) and part.affine]
    if norms and getattr(layer, "has_skip", False):
        nn.init.zeros_(norms[-1].weight)
