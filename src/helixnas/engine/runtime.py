"""Runtime: device, precision and memory format, based on accelerate."""

import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Literal, TypeVar

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState, PartialState
from torch import Tensor, nn
from torch.optim import Optimizer

from helixnas.engine.config import RuntimeConfig
from helixnas.engine.cpu.allocation import keep_freed_memory
from helixnas.engine.cpu.depthwise import speed_up_depthwise
from helixnas.engine.cpu.layout import keep_gradient_layout
from helixnas.engine.distributed.launch import is_started_together
from helixnas.engine.gpu.compiling import compile_layers, require_compiler
from helixnas.engine.gpu.prefetch import ahead
from helixnas.errors import ConfigError, OutOfMemoryError

ModuleT = TypeVar("ModuleT", bound=nn.Module)
BatchT = TypeVar("BatchT")


class Runtime:
    """One device with its precision; a process can have several."""

    def __init__(self, config: RuntimeConfig) -> None:
        if config.num_threads:
            torch.set_num_threads(config.num_threads)
        wanted = find_device(config.device)
        if config.precision == "fp16" and wanted.type == "cpu":
            raise ConfigError("runtime.precision=fp16 needs a GPU, but the device is cpu; use bf16 or fp32")
        self.cuda_graphs = _cuda_graphs(config, wanted)
        self.compiles = _compiles(config, wanted)
        if ":" in str(wanted):  # otherwise accelerate chooses, by local rank if several processes train
            os.environ.setdefault("ACCELERATE_TORCH_DEVICE", str(wanted))
        _separate_from_earlier()
        self.precision = fast_precision(wanted) if config.precision == "auto" else config.precision
        mixed = "no" if self.precision == "fp32" else self.precision
        self.accelerator = Accelerator(cpu=wanted.type == "cpu", mixed_precision=mixed)
        self.device = self.accelerator.device
        if config.keep_memory and self.device.type == "cpu":
            keep_freed_memory()
        self.memory_format = torch.channels_last if config.channels_last else torch.contiguous_format

    def place(self, module: ModuleT) -> ModuleT:
        """Move a module to the device and the runtime's memory format; on a CPU, make its gradients fast.

        With `runtime.compile`, its layers are compiled instead, when they are first called.
        """
        if self.compiles:
            compile_layers(module)
        elif self.device.type == "cpu":
            speed_up_depthwise(module)
            if self.memory_format is torch.channels_last:
                keep_gradient_layout(module)
        return module.to(self.device).to(memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]

    def images(self, images: Tensor) -> Tensor:
        """Move a batch of images to the device and the runtime's memory format."""
        return images.to(self.device, non_blocking=True).contiguous(memory_format=self.memory_format)

    def ahead(self, batches: Iterator[BatchT], *, thread_safe: bool) -> Iterator[BatchT]:
        """Yield batches; for a CUDA device, in pinned memory, so that copies need not wait, and read ahead by a thread.

        Batches that are not `thread_safe` are read by the calling thread: the global random generators, with which single
        images are augmented, are those that `seeded` sets for the network meanwhile.
        """
        if self.device.type != "cuda":
            return batches
        return ahead(batches, _pinned) if thread_safe else map(_pinned, batches)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the autocast context for forward passes."""
        return self.accelerator.autocast()

    def backward(self, loss: Tensor) -> None:
        """Run the backward pass of a loss; with fp16 the gradients stay scaled until `step`."""
        self.accelerator.backward(loss)

    def step(self, optimizer: Optimizer, *, clip_grad: float = 0.0) -> None:
        """Update the parameters of one optimiser; `clip_grad` is the maximum norm of their gradients, 0 for no limit.

        With fp16 the gradients are unscaled first, and the step is skipped if they overflowed.
        """
        scaler = self.accelerator.scaler
        if scaler is not None:
            scaler.unscale_(optimizer)
        if clip_grad:
            nn.utils.clip_grad_norm_([p for group in optimizer.param_groups for p in group["params"]], clip_grad)
        if scaler is not None:
            scaler.step(optimizer)
        else:
            optimizer.step()

    def end_step(self) -> None:
        """Adapt the loss scale of fp16, after all optimisers of a step."""
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.update()

    @contextmanager
    def seeded(self, *words: int) -> Generator[None]:
        """While the context lasts, make torch's randomness (dropout, stochastic depth) depend only on `words`."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0]) >> 1)
            yield

    def state(self) -> dict[str, Any]:
        """Return the state to save with a training: the loss scale of fp16."""
        scaler = self.accelerator.scaler
        return {} if scaler is None else {"scaler": scaler.state_dict()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Restore a `state`."""
        if self.accelerator.scaler is not None and "scaler" in state:
            self.accelerator.scaler.load_state_dict(state["scaler"])


def fast_precision(device: torch.device) -> Literal["fp32", "bf16"]:
    """Return bf16 if the device is faster with it, else fp32; see cpu-step in benchmarks/results for the choice on a CPU."""
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if device.type != "cpu":
        return "fp32"
    has = getattr(torch.cpu, "get_capabilities", dict[str, Any])()  # not in all supported versions of torch
    vector_units = bool(has.get("avx512_bf16", False)) and str(has.get("cpu_name", "")).startswith("AMD")
    return "bf16" if has.get("amx_bf16", False) or vector_units else "fp32"


@contextmanager
def explain_out_of_memory(setting: str, batch_size: int) -> Generator[None]:
    """Turn the device's out-of-memory error into one sentence that names the batch size to try for `setting`.

    So is the opposite: a batch so small that batch norm has a single value per channel.
    """
    try:
        yield
    except ValueError as error:
        if SINGLE_VALUE not in str(error):
            raise
        raise single_value(setting) from error
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise out_of_memory(setting, batch_size) from error
    except RuntimeError as error:
        if "not enough memory" not in str(error) and "out of memory" not in str(error):
            raise
        raise out_of_memory(setting, batch_size) from error


def out_of_memory(setting: str, batch_size: int) -> OutOfMemoryError:
    """Return the error for a batch that does not fit into memory."""
    return OutOfMemoryError(
        f"out of memory with {setting}={batch_size}; try {setting}={max(1, batch_size // 2)} (finished work is kept)"
    )


SINGLE_VALUE = "Expected more than 1 value per channel"
"""Beginning of torch's complaint where batch norm gets one image with a feature map of one pixel."""


def single_value(settings: str, batch: str = "a batch of one image") -> ConfigError:
    """Return the error for a `batch` in which batch norm has a single value per channel."""
    return ConfigError(
        f"batch norm has a single value per channel in {batch} whose features are 1 x 1 pixel; raise {settings}, or the "
        "size of the images (data.image_size)"
    )


def _compiles(config: RuntimeConfig, device: torch.device) -> bool:
    if config.compile and is_started_together():
        raise ConfigError("runtime.compile does not work in processes that train together (torchrun); set it to false")
    if config.compile:
        require_compiler(device)
    return config.compile


def _cuda_graphs(config: RuntimeConfig, device: torch.device) -> bool:
    if config.cuda_graphs and device.type != "cuda":
        raise ConfigError(f"runtime.cuda_graphs needs a CUDA device, but the device is {device.type}; set it to false")
    return config.cuda_graphs


def _pinned(batch: BatchT) -> BatchT:
    pin = getattr(batch, "pin_memory", None)
    return batch if pin is None else pin()


def _separate_from_earlier() -> None:
    """Reset accelerate's shared state, so that the next accelerator can have another precision."""
    for kind in (PartialState, AcceleratorState, GradientState):
        kind._shared_state = type(kind._shared_state)()  # pyright: ignore[reportPrivateUsage] - no public way


def find_device(name: str) -> torch.device:
    """Return the device of a name; auto is CUDA or MPS where there is one, else the CPU, also beside other accelerators.

    Raises `ConfigError` if the name is unknown or this machine has no such device.
    """
    if name == "auto":
        found = torch.accelerator.current_accelerator(check_available=True)
        return found if found is not None and found.type in ("cuda", "mps") else torch.device("cpu")
    try:
        device = torch.device(name)
    except RuntimeError:
        device = torch.device("meta")
    if device.type not in ("cpu", "cuda", "mps"):
        raise ConfigError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"runtime.device is {name!r}, but this machine has no CUDA device; use auto")
    if device.type == "cuda" and (device.index or 0) >= (number := torch.cuda.device_count()):
        raise ConfigError(f"runtime.device is {name!r}, but the last device of this machine is cuda:{number - 1}")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError(f"runtime.device is {name!r}, but this machine has no such device; use auto")
    return device


def wait_for(device: torch.device) -> None:
    """Return when the device has finished its work."""
    if device.type != "cpu":
        torch.accelerator.synchronize(device)
