"""A digest of what a network computes: its layers, its own code and its plain attributes, but not its weights.

Two networks may have the same layers and another `forward`, as when a cell of a notebook is edited and run again. Code counts
by its bytecode, with the functions and constants that it uses; that of installed packages does not count.
"""

import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from functools import partial
from types import CodeType, FunctionType, MethodType, ModuleType, SimpleNamespace
from typing import Any

import numpy as np
from torch import Tensor, nn

INTERNAL = frozenset(vars(nn.Module()))
PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...))
INSTALLED = ("site-packages", "dist-packages", sysconfig.get_paths()["stdlib"], "<frozen")
"""Parts of the file names of installed code."""

Seen = dict[int, Any]
"""Objects by identity that are described already; it holds them, so that no identity is used twice."""


def digest_of_module(module: nn.Module) -> str:
    """Return eight hexadecimal digits that change with layers, shapes, `forward` and whatever it uses, not with weights.

    >>> digest_of_module(nn.Linear(2, 3)) == digest_of_module(nn.Linear(2, 3)) != digest_of_module(nn.Linear(2, 4))
    True
    """
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    digest, seen = hashlib.sha256(f"{module} {shapes}".encode()), Seen()
    for each in module.modules():
        own = {name: value for name, value in vars(each).items() if name not in INTERNAL}
        for part in (*type(each).__mro__, own):
            digest.update("\n".join(_described(part, seen)).encode())
    for name, tensor in module.named_buffers():
        if name not in shapes:  # not saved with the weights, so a constant of the network
            digest.update(f"{name} {tensor.tolist()}".encode())
    return digest.hexdigest()[:8]


def _described(value: Any, seen: Seen) -> Iterator[str]:
    """Yield texts for code and plain values, in an order that is the same in every process; each function once."""
    if isinstance(value, PLAIN):
        yield repr(value)
    elif isinstance(value, np.ndarray | np.generic | Tensor):
        yield repr(value.tolist())
    elif isinstance(value, set | frozenset):
        yield from sorted(" ".join(_described(item, seen)) for item in value)
    elif isinstance(value, CodeType):
        yield f"{value.co_code.hex()} {value.co_names} {value.co_freevars}"
        yield from _described(value.co_consts, seen)
    elif id(value) not in seen:
        seen[id(value)] = value
        for part in _parts(value):
            yield from _described(part, seen)


def _parts(value: Any) -> Iterator[Any]:
    """Yield what an object consists of, as far as it matters for what a network computes."""
    if isinstance(value, dict):
        for name in sorted(value, key=str):
            yield name
            yield value[name]
    elif isinstance(value, tuple | list):
        yield from value
    elif isinstance(value, type):
        if not _is_installed(value):
            yield {name: one for name, one in vars(value).items() if not name.startswith("__")}
    elif isinstance(value, property):
        yield from (value.fget, value.fset)
    elif isinstance(value, staticmethod | classmethod | MethodType):
        yield value.__func__
    elif isinstance(value, partial):
        yield from (value.func, value.args, value.keywords)
    elif isinstance(value, FunctionType):
        if any(part in value.__code__.co_filename for part in INSTALLED):
            yield getattr(value, "__wrapped__", None)  # what a decorator such as torch.no_grad wraps
        else:
            yield from (value.__code__, value.__defaults__, value.__kwdefaults__)
            yield from _used_by(value)
    elif is_dataclass(value):
        yield {each.name: getattr(value, each.name) for each in fields(value)}
    elif isinstance(value, SimpleNamespace):
        yield vars(value)


def _used_by(function: FunctionType) -> Iterator[Any]:
    """Yield the globals that a function names, those of other modules that it imports, and what it encloses."""
    names = list(dict.fromkeys(_names(function.__code__)))
    found = [function.__globals__[name] for name in names if name in function.__globals__]
    for one in found:
        if not isinstance(one, ModuleType):
            yield one
        elif not _is_installed(one):
            yield from (vars(one)[name] for name in names if name in vars(one))
    for cell in function.__closure__ or ():
        try:
            yield cell.cell_contents
        except ValueError:  # a name that is not bound yet
            continue


def _names(code: CodeType) -> Iterator[str]:
    yield from code.co_names
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)


def _is_installed(value: Any) -> bool:
    """Return whether a class or a module belongs to torch or timm or another installed package."""
    module = value if isinstance(value, ModuleType) else sys.modules.get(value.__module__)
    if module is None or module.__name__ == "__main__":
        return False
    file = getattr(module, "__file__", None)
    return file is None or any(part in file for part in INSTALLED)
