"""All that can be counted of a module, in one pass on the meta device: sizes, and the largest live set of feature maps.

The live set is the computation's own need, which a runtime that manages its memory well reaches: a feature map
lives from the operation that makes it to the last one that reads it, and an elementwise operation (activation, batch
norm, a sum) writes over an input of the same size that nothing reads later. Weights are not counted, and neither is
scratch space of kernels.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from helixnas.nn.counting import count_params, evaluating, to_macs


class Counts(NamedTuple):
    """What one forward pass of a module takes."""

    params: int
    """Parameters."""

    macs: int
    """Multiply-adds (`count_macs`)."""

    norm_elements: int
    """Values given by batch norms; the paper's "FLOPs" (Table 2) are the multiply-adds and two for each of these."""

    activation_bytes: int
    """Bytes of float32 feature maps alive at once, the input included until its last reader is done."""

    @property
    def resources(self) -> dict[str, int]:
        """What a search can limit, by name; ``flops`` is what the paper calls FLOPs (Table 2)."""
        return {
            "params": self.params,
            "macs": self.macs,
            "flops": self.macs + 2 * self.norm_elements,
            "activation_bytes": self.activation_bytes,
        }


def count_all(module: nn.Module, shape: tuple[int, ...]) -> Counts:
    """Count everything in a single eval-mode pass over an input of `shape`, batch included, on the meta device.

    >>> with torch.device("meta"):
    ...     layer = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    >>> count_all(layer, (1, 4, 2, 2))
    Counts(params=48, macs=128, norm_elements=32, activation_bytes=192)
    """
    images = torch.empty(shape, device="meta")
    weights = {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}
    with evaluating(module), FlopCounterMode(display=False) as counter, _Recorder(weights) as recorder:
        output = module(images)
    wanted = {_storage(tensor) for tensor in _tensors(output)}
    return Counts(
        params=count_params(module),
        macs=to_macs(counter.get_total_flops()),
        norm_elements=recorder.norm_elements,
        activation_bytes=_largest_live_set(recorder.steps, images, wanted),
    )


class _Step(NamedTuple):
    """One operation: the storages it reads and those it makes with their bytes."""

    reads: dict[int, int]
    makes: dict[int, int]
    elementwise: bool
    """Whether it may write over what it reads."""


class _Recorder(TorchDispatchMode):
    """Notes what every operation reads and makes; views and in-place operations share a storage."""

    def __init__(self, weights: set[int]) -> None:
        super().__init__()
        self.weights = weights
        self.steps: list[_Step] = []
        self.kept: list[Tensor] = []
        self.norm_elements = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        received, given = _tensors((args, kwargs)), _tensors(output)
        is_norm = "batch_norm" in func.name()
        if is_norm:
            given = given[:1]  # the statistics beside it are of no use in eval mode
            self.norm_elements += given[0].numel()
        self.kept += [*received, *given]  # so that no storage's name is used again
        reads = {_storage(tensor): _bytes(tensor) for tensor in received if _storage(tensor) not in self.weights}
        makes = {_storage(tensor): _bytes(tensor) for tensor in given}
        makes = {name: size for name, size in makes.items() if name not in reads and name not in self.weights}
        elementwise = is_norm or torch.Tag.pointwise in func.tags
        self.steps.append(_Step(reads, makes, elementwise))
        return output


def _largest_live_set(steps: list[_Step], given: Tensor, wanted: set[int]) -> int:
    """Walk through the steps once, with every storage from its maker to its last reader."""
    last = {name: number for number, step in enumerate(steps) for name in step.reads}
    last |= dict.fromkeys(wanted, len(steps))
    alive = {_storage(given): _bytes(given)} if _storage(given) in last else dict[int, int]()
    largest = sum(alive.values())
    for number, step in enumerate(steps):
        ending = {name: alive[name] for name in step.reads if last[name] == number and name in alive}
        for name, size in step.makes.items():
            over = next((other for other in ending if ending[other] == size), None) if step.elementwise else None
            if over is not None:
                del ending[over], alive[over]
            alive[name] = size
        largest = max(largest, sum(alive.values()))
        alive = {name: size for name, size in alive.items() if last.get(name, -1) > number}
    return largest


def _tensors(values: Any) -> list[Tensor]:
    return [value for value in tree_leaves(values) if isinstance(value, Tensor)]


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata  # pyright: ignore[reportPrivateUsage] - the only name a meta storage has


def _bytes(tensor: Tensor) -> int:
    return tensor.untyped_storage().nbytes()
