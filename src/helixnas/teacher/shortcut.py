"""Continuing a network from one of its modules without paying for what stands before it.

A stitched network or a task score needs what the network makes of *given* features, many times for the same images.
Where all information passes through the module (a chain, like most convolutional networks), the modules that finish
before it need not run. Whether that holds is not guessed from the network's structure: the caller compares the
outputs of both ways once, on real features, and keeps to the full pass where they differ (class tokens pass beside a
ViT's patches) or where the short one fails.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


def modules_before(finished: Sequence[str], boundary: str) -> tuple[str, ...]:
    """Return the outermost modules that finish before `boundary` does and do not belong to it.

    Args:
        finished: names of all modules in the order they finish in a forward pass.
        boundary: the module to continue from.

    >>> modules_before(["stem.conv", "stem", "stage.0", "stage.1.conv", "stage.1", "stage"], "stage.1")
    ('stem', 'stage.0')
    """
    earlier = dict.fromkeys(finished[: finished.index(boundary)])
    outermost = (name for name in earlier if not any(parent in earlier for parent in _parents(name)))
    return tuple(name for name in outermost if not name.startswith(f"{boundary}."))


@contextmanager
def skipping(model: nn.Module, before: Sequence[str], boundary: str, output: Tensor) -> Generator[None]:
    """Let the modules `before` hand on their input and `boundary` return `output`, while the context lasts."""
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


def _parents(name: str) -> Iterator[str]:
    while "." in name:
        name = name.rpartition(".")[0]
        yield name
