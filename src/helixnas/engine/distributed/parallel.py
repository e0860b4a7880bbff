"""Data parallelism: several processes train on parts of every batch as one process would on the whole.

The processes are started by torchrun. All draw the same paths, since these depend on (seed, block, cell, step) and not on the
process; each reads its part of the batch; batch norm uses the statistics of all parts, and dropout one mask for all of them;
and the gradients of the parameters that were touched are averaged before every process takes the same step.

The first process does everything that a single one does. Where several can share the work, it sends the others an *order*,
and they take part; all other work they wait through (`helixnas.pipeline.ad_hoc.follow`).
"""

from collections.abc import Callable, Generator, Iterable
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.overrides import TorchFunctionMode

from helixnas.engine.distributed.launch import is_started_together
from helixnas.errors import CollapseError, ConfigError, JobError, NonFiniteLossError

T = TypeVar("T")

PATIENCE = timedelta(days=30)
"""Processes wait for the first one while it does what only one can; a process that dies is noticed at once."""


@dataclass(frozen=True)
class DataParallel:
    """This process among those that train together, numbered from 0."""

    rank: int
    size: int

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

    def average_gradients(self, optimizers: Iterable[Optimizer]) -> None:
        """Average the gradients that optimisers step by; they must be those of the same parameters in every process."""
        groups = [group for optimizer in optimizers for group in optimizer.param_groups]
        gradients = [each.grad for group in groups for each in group["params"] if each.grad is not None]
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

    def gather(self, part: Tensor) -> list[Tensor]:
        """Return the tensors of all processes by rank, without gradients; all must have one shape."""
        found = [torch.empty_like(part) for _ in range(self.size)]
        together(lambda: dist.all_gather(found, part.detach().contiguous()))
        return found

    @torch.no_grad()
    def send(self, module: nn.Module) -> None:
        """Give a module the parameters and buffers that it has in the first process."""
        for tensor in (*module.parameters(), *module.buffers()):
            sent = tensor.detach().clone(memory_format=torch.contiguous_format)
            together(lambda sent=sent: dist.broadcast(sent, src=0))
            tensor.copy_(sent)

    def as_one_batch(self) -> AbstractContextManager[object]:
        """Return a context in which the parts of all processes are one batch to batch norm and dropout.

        Where batch norm uses the statistics of a batch, it uses those of all parts. Dropout, stochastic depth and noise are drawn
        for the whole batch, and each process takes its part; their generator must be in the same state in every process.
        """
        return _OneBatch(self)


def part_of(parallel: DataParallel | None) -> tuple[int, int]:
    """Return the part of every batch that this process trains on: its number, from 0, and the number of parts.

    >>> part_of(None), part_of(DataParallel(2, 4))
    ((0, 1), (2, 4))
    """
    return (0, 1) if parallel is None else (parallel.rank, parallel.size)


def current() -> DataParallel | None:
    """Return this process among those that train together; None if it is alone."""
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return None
    return DataParallel(dist.get_rank(), dist.get_world_size())


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
    """Part from the other processes, if this one has not yet."""
    if dist.is_available() and dist.is_initialized():
        with suppress(RuntimeError):  # one of them may be gone already
            dist.destroy_process_group()


@runtime_checkable
class Order(Protocol):
    """Work that the first process asks the others to take part in, as a value that can be sent to them."""

    def take_part(self) -> None:
        """Do the part of this process; the first one saves the results."""
        ...


@contextmanager
def ordered(order: Order | None, place: DataParallel | None) -> Generator[None]:
    """Let the other processes take part in what the first does while the context lasts.

    Nothing happens without an order, or without others. An error that not all processes meet parts this one from them, so
    that none waits for ever.
    """
    if order is None or place is None:
        yield
        return
    share(order)
    try:
        yield
    except (NonFiniteLossError, CollapseError):
        raise  # the others meet it too, and wait for the next order
    except BaseException:
        leave()
        raise


def together(work: Callable[[], object]) -> None:
    """Do something that all processes take part in; raises `JobError` if one of them is gone."""
    try:
        work()
    except RuntimeError as error:
        raise JobError(
            "another process of this run has ended, so this one stops; start the same command again, with any number "
            "of processes, to continue from the last checkpoint"
        ) from error


class _BatchNorm(torch.autograd.Function):
    """Batch norm by the mean and variance of the parts of all processes, which exchange values once per direction."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, parallel: DataParallel, eps: float
    ) -> Any:
        """Return the normalised part, and the mean and (biased) variance of the whole batch."""
        own = torch.stack(torch.batch_norm_update_stats(x, None, None, 0.0))
        means, variances = torch.stack(parallel.gather(own)).unbind(1)
        mean = means.mean(0)
        variance = variances.mean(0) + (means - mean).square().mean(0)
        ctx.save_for_backward(x, weight, mean, (variance + eps).rsqrt())
        ctx.parallel, ctx.eps = parallel, eps
        ctx.mark_non_differentiable(mean, variance)
        return torch.batch_norm(x, weight, bias, mean, variance, False, 0.0, eps, False), mean, variance

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        """Return the gradients of the part, and this process's parts of those of weight and bias."""
        x, weight, mean, inverse_spread = ctx.saved_tensors
        scale = torch.ones_like(mean) if weight is None else weight
        _, along, total = torch.ops.aten.native_batch_norm_backward(
            gradients[0], x, scale, None, None, mean, inverse_spread, True, ctx.eps, [False, True, True]
        )
        own = torch.stack([along, total]) / (x.numel() // x.shape[1])
        mean_along, mean_total = ctx.parallel.average(own)
        # weight / spread * (gradient - its mean - normalised x * the mean of their product), as two passes over the part
        factor = scale * inverse_spread
        slope = -factor * inverse_spread * mean_along
        offset = -factor * mean_total - slope * mean
        shape = [1, -1, *[1] * (x.dim() - 2)]
        slope, offset, factor = slope.view(shape), offset.view(shape), factor.view(shape)
        found = torch.addcmul(offset, x, slope).addcmul_(gradients[0], factor)
        return found, None if weight is None else along, None if weight is None else total, None, None


DRAWS = (Tensor.bernoulli_, Tensor.normal_)
"""How timm draws the paths to drop, and projection heads their noise."""


class _OneBatch(TorchFunctionMode):
    """Replaces batch norm where it uses the statistics of a batch, and dropout, stochastic depth and noise."""

    def __init__(self, parallel: DataParallel) -> None:
        super().__init__()
        self.parallel = parallel

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.batch_norm:
            return _batch_norm(self.parallel, *args, **kwargs)
        if func is F.dropout:
            return self._dropout(*args, **kwargs)
        if func in DRAWS and args[0].dim():
            return self._draw(func, *args, **kwargs)
        return func(*args, **kwargs)

    def _dropout(self, x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        """Do what `torch.nn.functional.dropout` does, with the rows of the whole batch's mask."""
        if not training or not 0 < p < 1:
            return F.dropout(x, p, training, inplace)
        return x * self._draw(Tensor.bernoulli_, torch.empty_like(x), 1 - p).div_(1 - p)

    def _draw(self, fill: Callable[..., Tensor], part: Tensor, *how: Any, **named: Any) -> Tensor:
        """Fill a tensor with this process's rows of one that is drawn for the whole batch."""
        rows = len(part)
        rank = self.parallel.rank
        whole = fill(torch.cat([part] * self.parallel.size), *how, **named)  # in the same memory order
        return part.copy_(whole[rank * rows : (rank + 1) * rows])


def _batch_norm(
    parallel: DataParallel,
    x: Tensor,
    running_mean: Tensor | None,
    running_var: Tensor | None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Tensor:
    """Do what `torch.nn.functional.batch_norm` does, with the mean and variance of the parts of all processes."""
    if not training:
        return torch.batch_norm(x, weight, bias, running_mean, running_var, False, momentum, eps, False)
    wide = x.to(torch.promote_types(x.dtype, torch.float32))
    found: Any = _BatchNorm.apply(wide, weight, bias, parallel, eps)
    normalised, mean, variance = found
    if running_mean is not None and running_var is not None:
        count = x.numel() // x.shape[1] * parallel.size
        with torch.no_grad():
            running_mean.lerp_(mean.to(running_mean.dtype), momentum)
            running_var.lerp_((variance * (count / (count - 1))).to(running_var.dtype), momentum)
    return normalised.to(x.dtype)
