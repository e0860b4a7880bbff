"""Roofline: the time of a network's forward pass from the peaks of a device (Williams, Waterman and Patterson, 2009).

Every operation takes as long as its multiply-adds at the peak, or as moving its inputs and outputs through the memory,
or as starting it, whichever is longest; operations follow one another, as in PyTorch without a compiler. Depthwise
convolutions, normalization and activations are bound by the memory, so such networks reach only a few per cent of the peak
of the matrix units. `REACHED` is the share of this bound that is assumed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from helixnas.nn.counting import evaluating, meta_copy
from helixnas.pipeline.hardware.devices import Device

REACHED = (0.4, 0.95)
"""Least and largest share of the roofline that is assumed. Published timings of depthwise networks on two other GPUs reach 51 to
63 % in training and 92 to 96 % in forward passes (benchmarks/results); training a supernet is assumed to reach less."""

SECONDS_TO_START = 5e-6
"""Time between the starts of two operations at least, per batch; assumed."""

BYTES = {"fp32": 4, "bf16": 2, "fp16": 2}


@dataclass(frozen=True)
class Work:
    """One operation of a forward pass."""

    macs: float
    """Multiply-adds per image."""

    values: float
    """Values read and written per image, weights not included."""


def operations_of(model: nn.Module, size: int) -> list[Work]:
    """Return the operations of a forward pass at `size` pixels, counted on the meta device; views and weights cost nothing."""
    batch = 2
    images = torch.empty(batch, 3, size, size, device="meta")
    with evaluating(twin := meta_copy(model)), _Recorder(twin, batch) as recorder:
        twin(images)
    return recorder.found


def seconds_per_image(works: list[Work], device: Device, *, precision: str, batch_size: int) -> float:
    """Return the seconds of a forward pass per image at the roofline of a device, all of it reached.

    >>> from helixnas.pipeline.hardware.devices import DEVICES
    >>> seconds_per_image([Work(312e12, 0.0)], DEVICES["a100"], precision="bf16", batch_size=8)
    2.0
    """
    used, peak = device.peak(precision)
    start = SECONDS_TO_START / batch_size
    return sum(max(2 * one.macs / peak, BYTES[used] * one.values / device.bandwidth, start) for one in works)


class _Recorder(TorchDispatchMode):
    """Notes every operation that computes something."""

    def __init__(self, model: nn.Module, batch: int) -> None:
        super().__init__()
        self.batch = batch
        self.own = {_storage(each) for each in (*model.parameters(), *model.buffers())}
        self.found: list[Work] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        output = func(*args, **kwargs)
        if not _is_view(func):
            count = flop_registry.get(func._overloadpacket)
            flops = 0 if count is None else count(*args, **kwargs, out_val=output)
            read = sum(each.numel() for each in _tensors((args, kwargs)) if _storage(each) not in self.own)
            moved = read + sum(each.numel() for each in _tensors(output))
            if moved:
                self.found.append(Work(flops / 2 / self.batch, moved / self.batch))
        return output


def _storage(tensor: Tensor) -> int:
    """Return what tells storages apart, since a weight may be seen through a view; on the meta device they have no addresses."""
    return tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage] - see above


def _is_view(func: Any) -> bool:
    """Whether an operation only looks at its input in another way, and moves nothing."""
    aliases = [each.alias_info for each in func._schema.returns if each.alias_info is not None]
    return bool(aliases) and not any(each.is_write for each in aliases)


def _tensors(value: Any) -> Iterator[Tensor]:
    """Yield the tensors of nested lists, tuples and mappings."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        yield from _tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _tensors(each)
