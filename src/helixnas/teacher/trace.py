"""Observing a network's modules during a forward pass: their order, number of runs, and outputs."""

from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError, on_one_line

Listener = Callable[[str, Any], Any]
"""Called with the name and the output of a module; a value other than None replaces the output."""


@contextmanager
def listening(model: nn.Module, names: Sequence[str], listener: Listener) -> Generator[None]:
    """While the context lasts, call `listener` after each run of a named module."""

    def hook_of(name: str) -> Callable[[nn.Module, Any, Any], Any]:
        return lambda module, inputs, output: listener(name, output)

    handles = [model.get_submodule(name).register_forward_hook(hook_of(name)) for name in names]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def run_blank(model: nn.Module, names: Sequence[str], listener: Listener, shape: tuple[int, int, int]) -> Any:
    """Return the output for a blank image of `shape` (channels, height, width); see `run`."""
    return run(model, names, listener, torch.zeros(1, *shape))


def run(model: nn.Module, names: Sequence[str], listener: Listener, images: Tensor) -> Any:
    """Return the output for images on the network's device in eval mode; see `listening`.

    Raises `TeacherError` if the network does not accept such images.
    """
    training = {module: module.training for module in model.modules()}
    tensor = next(model.parameters(), torch.empty(0))
    try:
        model.eval()
        with torch.no_grad(), listening(model, names, listener):
            return model(images.to(tensor.device, tensor.dtype))
    except (RuntimeError, AssertionError, ValueError, NotImplementedError) as error:
        channels, height, width = images.shape[1:]
        raise TeacherError(
            f"the teacher cannot take images of {height} x {width} pixels with {channels} channels: {on_one_line(error)}"
        ) from error
    finally:
        for module, mode in training.items():
            module.training = mode


class Recorder:
    """A listener that keeps each module's last output and number of runs, in the order in which they first finish."""

    def __init__(self) -> None:
        self.outputs: dict[str, Any] = {}
        self.runs: dict[str, int] = {}
        self._versions: dict[str, list[int]] = {}

    def __call__(self, name: str, output: Any) -> None:
        """Record one run."""
        self.outputs[name] = output
        self.runs[name] = self.runs.get(name, 0) + 1
        self._versions[name] = _versions(output)

    def was_overwritten(self, name: str) -> bool:
        """Return whether a later in-place operation, such as ``ReLU(inplace=True)``, changed the module's output."""
        return _versions(self.outputs[name]) != self._versions[name]


def _versions(output: Any) -> list[int]:
    items: Sequence[Any] = output if isinstance(output, (tuple, list)) else [output]
    return [item._version for item in items if isinstance(item, Tensor)]
