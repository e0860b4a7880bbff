"""torch.compile of the layers of a network, one by one (`runtime.compile`).

A supernet runs another path in every step, so compiling it as a whole would begin anew with every path; the layers are the
same in all of them. Layers that are built alike and get inputs of one shape share a compiled function, which takes the
layer as an argument, so a network of many equal layers compiles quickly. Parameters, names and hooks of a layer stay as
they are; only its ``forward`` is another.
"""

import types
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from helixnas.errors import ConfigError, first_line

ModuleT = TypeVar("ModuleT", bound=nn.Module)

BACKEND: str | Callable[..., Any] = "inductor"
"""Compiler of torch.compile; tests choose a faster one."""

CONTAINERS = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
"""Kinds of modules that only hold others."""


@runtime_checkable
class Composed(Protocol):
    """A module that does not run as a whole, such as a cell of a supernet, so only layers within some parts are compiled."""

    def compiled_parts(self) -> Iterable[nn.Module]:
        """Return the parts in which layers are looked for."""
        ...


def layers_of(module: nn.Module) -> Iterator[nn.Module]:
    """Yield the layers of a network: the outermost elements of its containers that have modules of their own.

    A lone convolution or activation is none, since nothing in it can be fused.

    >>> block = nn.Sequential(
    ...     nn.TransformerEncoderLayer(4, 1), nn.Sequential(nn.TransformerEncoderLayer(4, 1), nn.ReLU())
    ... )
    >>> [type(layer).__name__ for layer in layers_of(block)]
    ['TransformerEncoderLayer', 'TransformerEncoderLayer']
    """
    if isinstance(module, Composed):
        for part in module.compiled_parts():
            yield from layers_of(part)
        return
    for child in module.children():
        if type(module) not in CONTAINERS or type(child) in CONTAINERS or isinstance(child, Composed):
            yield from layers_of(child)
        elif next(child.children(), None) is not None:
            yield child


def compile_layers(model: ModuleT) -> ModuleT:
    """Let the layers of a model compile themselves when they are first called, each for the shapes of its inputs."""
    # torch.compile itself looks at the gradient of its inputs
    warnings.filterwarnings(
        "ignore", message=r"The \.grad attribute of a Tensor that is not a leaf", category=UserWarning
    )
    for layer in layers_of(model):
        kind = type(layer)
        if not hasattr(kind, "compiled_from"):
            layer.__dict__["signature"] = repr(layer)
            layer.__dict__["within"] = tuple(layer.modules())[1:]
            layer.__class__ = _compiled_kind(kind)
    return model


def require_compiler(device: torch.device) -> None:
    """Raise `ConfigError` if torch.compile does not work on a device of this machine."""
    _try_compiler(device.type, BACKEND)


@cache
def _try_compiler(device: str, backend: str | Callable[..., Any]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # performance hints of the compiler
            torch.compile(_example, backend=backend)(torch.ones(2, device=device))
    except Exception as error:  # compilers can raise anything
        raise ConfigError(
            f"runtime.compile needs a compiler, but torch.compile does not work here ({first_line(error)}); install one "
            "(g++), or set runtime.compile to false"
        ) from error


def _example(x: Tensor) -> Tensor:
    return x.sin() + 1


@cache
def _compiled_kind(kind: type[nn.Module]) -> type[nn.Module]:
    """Return the subclass of a layer's class whose ``forward`` is compiled; layers become instances of it."""
    return type(kind.__name__, (kind,), {"__module__": kind.__module__, "compiled_from": kind, "forward": _forward})


def _forward(self: Any, *inputs: Any) -> Any:
    kind = self.compiled_from
    if torch.compiler.is_compiling() or any(map(_is_watched, self.within)):
        return kind.forward(self, *inputs)
    shapes = tuple(each.shape if isinstance(each, Tensor) else None for each in inputs)
    try:
        return _compiled(kind, self.signature, shapes, BACKEND)(self, *inputs)
    except RuntimeError as error:
        if not type(error).__module__.startswith("torch._dynamo"):
            raise  # the layer's own
        raise ConfigError(
            f"torch.compile fails on a layer {kind.__name__} ({first_line(error)}); set runtime.compile to false"
        ) from error


def _is_watched(module: nn.Module) -> bool:
    """Return whether something outside changes or observes a module; compiled code would pass it by."""
    hooks = (module._forward_hooks, module._forward_pre_hooks)  # pyright: ignore[reportPrivateUsage] - no public way
    return any(hooks) or "forward" in module.__dict__


@cache
def _compiled(
    kind: type[nn.Module], signature: str, shapes: tuple[torch.Size | None, ...], backend: str | Callable[..., Any]
) -> Callable[..., Any]:
    """Return the function of all layers of a kind with one signature and inputs of these shapes."""
    run: Any = lambda layer, *inputs: kind.forward(layer, *inputs)  # noqa: E731 - its code is copied below
    # torch.compile limits recompilations per code object, so every function gets its own.
    code = run.__code__.replace(co_name=f"{kind.__name__}_{abs(hash((signature, shapes)))}")
    own = types.FunctionType(code, run.__globals__, closure=run.__closure__)
    return torch.compile(own, dynamic=False, backend=backend)
