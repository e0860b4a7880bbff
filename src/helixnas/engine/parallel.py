"""Data parallelism: several processes train on parts of every batch as one process would on the whole.

The processes are started by torchrun. All draw the same paths, since these depend on (seed, block, cell, step) and not on the
process; each takes its part of the batch; batch norm uses the statistics of all parts; and the gradients of the parameters
that were touched are averaged before every process takes the same step.
"""

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor
from torch.nn import Parameter
from torch.overrides import TorchFunctionMode

from helixnas.errors import ConfigError, JobError

T = TypeVar("T")

PATIENCE = timedelta(days=30)
"""Processes wait for the first one while it does what only one can; a process that dies is noticed at once."""


@dataclass(frozen=True)
class DataParallel:
    """This process among those that train together, numbered from 0."""

    rank: int
    size: int

    def own_part(self, batch: Tensor) -> Tensor:
        """Return this process's part of a batch, whose size must be a multiple of the number of processes."""
        part = len(batch) // self.size
        return batch[self.rank * part : (self.rank + 1) * part]

    def check(self, batch_size: int, setting: str) -> None:
        """Raise `ConfigError` if batches cannot be shared equally."""
        if batch_size % self.size:
            nearest = max(1, round(batch_size / self.size)) * self.size
            raise ConfigError(f"{setting}={batch_size} cannot be shared by {self.size} processes; {nearest} would do")

    def average(self, values: Tensor) -> Tensor:
        """Return the mean over all processes, without gradients."""
        total = values.detach().clone()
        together(lambda: dist.all_reduce(total))
        return total / self.size

    def average_gradients(self, parameters: Iterable[Parameter]) -> None:
        """Average the gradients of the parameters that have one; they must be the same parameters in every process."""
        gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for gradient in gradients:
            by_type.setdefault(gradient.dtype, []).append(gradient)
        for same in by_type.values():
            flat = self.average(torch.cat([gradient.reshape(-1) for gradient in same]))
            for gradient, averaged in zip(same, flat.split([each.numel() for each in same]), strict=True):
                gradient.copy_(averaged.view(gradient.shape))

    def agreed(self, wish: bool) -> bool:
        """Return whether any process has a wish, such as to stop."""
        flag = torch.tensor(float(wish))
        together(lambda: dist.all_reduce(flag, op=dist.ReduceOp.MAX))
        return bool(flag)

    def shared_statistics(self) -> AbstractContextManager[object]:
        """Return a context in which batch norm uses the statistics of all processes wherever it uses those of a batch."""
        return _SharedStatistics(self.size)


def current() -> DataParallel | None:
    """Return this process among those that train together; None if it is alone."""
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return None
    return DataParallel(dist.get_rank(), dist.get_world_size())


def is_started_together() -> bool:
    """Return whether torchrun started several processes."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1 and "RANK" in os.environ


def join() -> DataParallel | None:
    """Meet the other processes that torchrun started, and return this one's place among them."""
    if is_started_together() and not dist.is_initialized():
        dist.init_process_group(timeout=PATIENCE)
    return current()


def share(value: T | None) -> T | None:
    """Return a value of process 0 in every process; the others give None."""
    values: list[Any] = [value]
    together(lambda: dist.broadcast_object_list(values, src=0))
    return values[0]


def leave() -> None:
    """Part from the other processes."""
    with suppress(RuntimeError):  # one of them may be gone already
        dist.destroy_process_group()


def together(work: Callable[[], object]) -> None:
    """Do something that all processes take part in; raises `JobError` if one of them is gone."""
    try:
        work()
    except RuntimeError as error:
        raise JobError(
            "another process of this training has ended, so this one stops; start the same command again, with any number "
            "of processes, to continue from the last checkpoint"
        ) from error


class _Sum(torch.autograd.Function):
    """The sum over processes; so is its gradient, which other processes' losses contribute to."""

    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        total = part.clone(memory_format=torch.contiguous_format)
        together(lambda: dist.all_reduce(total))
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        total = gradients[0].clone(memory_format=torch.contiguous_format)
        together(lambda: dist.all_reduce(total))
        return total


class _SharedStatistics(TorchFunctionMode):
    """Replaces batch norm by `shared_batch_norm` where it uses the statistics of a batch."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return _batch_norm(self.size, *args, **kwargs)
        return func(*args, **kwargs)


def _batch_norm(
    size: int,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do what `torch.nn.functional.batch_norm` does, with the mean and variance of the parts of `size` processes."""
    if not training:
        return torch.batch_norm(x, weight, bias, running_mean, running_var, False, momentum, eps, False)
    axes, shape = [0, *range(2, x.dim())], [1, -1, *[1] * (x.dim() - 2)]
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    count = x.numel() // x.shape[1] * size
    mean: Any = _Sum.apply(wide.sum(axes))
    mean = mean / count
    centred = wide - mean.reshape(shape)
    variance: Any = _Sum.apply(centred.square().sum(axes))
    variance = variance / count
    if running_mean is not None and running_var is not None:
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((variance * (count / (count - 1))).to(running_var.dtype), momentum)
    found = centred * (variance + eps).rsqrt().reshape(shape)
    if weight is not None and bias is not None:
        found = found * weight.reshape(shape) + bias.reshape(shape)
    return found.to(x.dtype)
