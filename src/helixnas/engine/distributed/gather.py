"""Batches over several processes: a gather through which gradients flow back to the process that made each part.

Some losses are no mean over images: a covariance needs the whole batch. Every process then computes the loss of the
gathered batch. Data parallelism averages the gradients of the parameters over processes, so the gradient of a part is the
*sum* over processes, which the average divides again: the result is that of one process with the whole batch.
"""

from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Float
from torch import Tensor


def gather_batch(part: Float[Tensor, "part dimensions"]) -> Float[Tensor, "batch dimensions"]:
    """Return the parts of all processes, by rank, with gradients; a single process gets its part back.

    Every process must give a part of the same shape.

    >>> gather_batch(torch.ones(1, 2))
    tensor([[1., 1.]])
    """
    if not dist.is_available() or not dist.is_initialized() or dist.get_world_size() == 1:
        return part
    gathered: Any = _Gather.apply(part)
    return gathered


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, part: Tensor) -> Tensor:
        part = part.contiguous()
        parts = [torch.empty_like(part) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, part)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Tensor:
        gradient = gradients[0].clone(memory_format=torch.contiguous_format)
        dist.all_reduce(gradient)
        return gradient.chunk(dist.get_world_size())[dist.get_rank()]
