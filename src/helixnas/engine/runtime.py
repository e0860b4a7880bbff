"""Runtime: the device, its precision and memory format, behind accelerate."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import torch
from accelerate import Accelerator
from torch import Tensor, nn

from helixnas.errors import ConfigError, OutOfMemoryError

ModuleT = TypeVar("ModuleT", bound=nn.Module)


@dataclass(frozen=True, kw_only=True)
class RuntimeConfig:
    """Where and how the computation runs."""

    device: str = "auto"
    """auto (CUDA, else MPS, else CPU), cpu, cuda, cuda:1, mps."""

    precision: Literal["fp32", "bf16", "fp16"] = "fp32"
    """Precision of the forward passes under autocast; weights and losses stay float32."""

    channels_last: bool = True
    """Keep feature maps and convolution weights in NHWC memory order."""

    num_threads: int = 0
    """CPU threads; 0 leaves torch's choice."""

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "bf16", "fp16"):
            raise ConfigError(f"runtime.precision must be fp32, bf16 or fp16, not {self.precision!r}")
        if self.num_threads < 0:
            raise ConfigError(f"runtime.num_threads must be 0 or more, not {self.num_threads}")


class Runtime:
    """One device with its precision; built once per process."""

    def __init__(self, config: RuntimeConfig) -> None:
        if config.num_threads:
            torch.set_num_threads(config.num_threads)
        wanted = _device(config.device)
        if wanted.type == "cuda":
            os.environ.setdefault("ACCELERATE_TORCH_DEVICE", str(wanted))
        precision = "no" if config.precision == "fp32" else config.precision
        self.accelerator = Accelerator(cpu=wanted.type == "cpu", mixed_precision=precision)
        self.device = self.accelerator.device
        self.memory_format = torch.channels_last if config.channels_last else torch.contiguous_format

    def place(self, module: ModuleT) -> ModuleT:
        """Move a module to the device, in the runtime's memory format."""
        return module.to(self.device).to(memory_format=self.memory_format)  # pyright: ignore[reportCallIssue]

    def images(self, images: Tensor) -> Tensor:
        """Move a batch of images to the device, in the runtime's memory format."""
        return images.to(self.device, non_blocking=True).contiguous(memory_format=self.memory_format)

    def autocast(self) -> AbstractContextManager[Any]:
        """Return the context in which forward passes run."""
        return self.accelerator.autocast()

    def backward(self, loss: Tensor) -> None:
        """Run the backward pass of a loss."""
        self.accelerator.backward(loss)


@contextmanager
def explain_out_of_memory(setting: str, batch_size: int) -> Iterator[None]:
    """Turn the device's out-of-memory error into one sentence that names the batch size to try.

    Args:
        setting: name of the setting that holds the batch size.
        batch_size: its value now.
    """
    try:
        yield
    except (torch.OutOfMemoryError, MemoryError) as error:
        raise out_of_memory(setting, batch_size) from error
    except RuntimeError as error:
        if "not enough memory" not in str(error) and "out of memory" not in str(error):
            raise
        raise out_of_memory(setting, batch_size) from error


def out_of_memory(setting: str, batch_size: int) -> OutOfMemoryError:
    """Return the sentence for a batch that does not fit."""
    return OutOfMemoryError(
        f"out of memory with {setting}={batch_size}; try {setting}={max(1, batch_size // 2)} (what is done is kept)"
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator(check_available=True)
        return torch.device("cpu") if accelerator is None else accelerator
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise ConfigError(f"unknown device {name!r}; use auto, cpu, cuda, cuda:N or mps") from error
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {name!r} was asked for, but this machine has no CUDA device; use runtime.device=auto")
    return device
