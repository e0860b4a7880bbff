"""The runtimes whose latency can be measured; each turns a network into a call that runs it once and waits for it."""

import types
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn

from helixnas.engine import open_onnx, require_onnx, save_onnx
from helixnas.errors import ConfigError, first_line

Call = Callable[[], object]
"""Runs a network once on its input and returns when the output is ready."""


def prepare(runtime: str, network: nn.Module, images: Tensor, *, num_threads: int, file: Path) -> Call:
    """Return a call that runs `network` (in eval mode) on `images`, both on the CPU, with one of the `RUNTIMES`.

    Runtimes with a thread pool of their own use `num_threads` CPU threads, 0 for as many as torch has. Those that read
    files read the network's `file`, which is written if it does not exist. Raises `ConfigError` if the runtime is not
    installed, or its device is missing.
    """
    require_runtime(runtime)
    engine, device = runtime.removesuffix("-cuda"), "cuda" if runtime.endswith("-cuda") else "cpu"
    if engine == "onnxruntime-cpu":
        return _onnx_call(network, images, num_threads, file)
    network, images = network.to(device), images.to(device)
    if engine == "pytorch-eager":
        return _torch_call(network, images, device)
    return _compiled_call(network, images, device)


def require_runtime(runtime: str) -> None:
    """Raise `ConfigError` if a runtime does not work on this machine."""
    if runtime == "onnxruntime-cpu":
        require_onnx("measuring with onnxruntime-cpu")
    if runtime.endswith("-cuda") and not torch.cuda.is_available():
        raise ConfigError(f"cannot measure latency with {runtime}: this machine has no CUDA device")


@contextmanager
def torch_threads(number: int) -> Generator[None]:
    """Set the number of torch's CPU threads while the context lasts; 0 does not change it."""
    before = torch.get_num_threads()
    if number:
        torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _torch_call(network: Callable[[Tensor], Tensor], images: Tensor, device: str) -> Call:
    def run() -> Tensor:
        with torch.inference_mode():
            return network(images)

    def run_and_wait() -> None:
        run()
        torch.cuda.synchronize()

    return run if device == "cpu" else run_and_wait


def _compiled_call(network: nn.Module, images: Tensor, device: str) -> Call:
    """Compile the network by a first call."""

    def forward(x: Tensor) -> Tensor:
        return network(x)

    # torch.compile limits recompilations per code object, so every network gets its own.
    code = forward.__code__.replace(co_name=f"forward_{id(network)}")
    own = types.FunctionType(code, forward.__globals__, closure=forward.__closure__)
    run = _torch_call(torch.compile(own, dynamic=False), images, device)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # performance hints of the compiler
            run()
    except Exception as error:
        raise ConfigError(
            f"torch.compile does not work here ({first_line(error)}); measure with pytorch-eager or onnxruntime-cpu"
        ) from error
    return run


def _onnx_call(network: nn.Module, images: Tensor, num_threads: int, file: Path) -> Call:
    if not file.is_file():
        save_onnx(network, images, file)
    session = open_onnx(file, num_threads=num_threads or torch.get_num_threads())
    feed = {session.get_inputs()[0].name: images.numpy()}
    return lambda: session.run(None, feed)
