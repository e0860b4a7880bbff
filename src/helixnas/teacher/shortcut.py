"""Continuing a network from one of its modules without running the modules before it.

Stitching and task scores need the network's output for *given* features, many times for the same images. If all
information passes through the module, as in most convolutional networks, the modules that finish before it need not run.
The caller checks this once and else runs the full network (a ViT's class token bypasses its patches).
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def modules_before(finished: Sequence[str], boundary: str) -> tuple[str, ...]:
    """Return the outermost modules that finish before `boundary` and are not part of it.

    `finished` names all modules in the order in which they finish in a forward pass.

    >>> modules_before(["stem.conv", "stem", "stage.0", "stage.1.conv", "stage.1", "stage"], "stage.1")
    ('stem', 'stage.0')
    """
    earlier = dict.fromkeys(finished[: finished.index(boundary)])
    outermost = (name for name in earlier if not any(parent in earlier for parent in parents(name)))
    return tuple(name for name in outermost if not name.startswith(f"{boundary}."))


@contextmanager
def skipping(model: nn.Module, before: Sequence[str], boundary: str, output: Tensor) -> Generator[None]:
    """While the context lasts, the modules `before` return their input and `boundary` returns `output`."""
    replaced: list[nn.Module] = []
    try:
        for name in before:
            replaced.append(_replace(model, name, _hand_on))
        replaced.append(_replace(model, boundary, lambda *inputs, **options: output))
        yield
    finally:
        for module in replaced:
            del module.forward


def _replace(model: nn.Module, name: str, forward: Callable[..., Any]) -> nn.Module:
    module = model.get_submodule(name)
    module.forward = forward  # an attribute of the instance hides the method until it is deleted
    return module


def _hand_on(first: Any, *inputs: Any, **options: Any) -> Any:
    return first


def parents(name: str) -> Iterator[str]:
    """Yield the names of the modules that contain a module, the innermost first."""
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
