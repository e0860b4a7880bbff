"""Size, computation and activation memory of a module, counted in one pass on the meta device.

Activation memory is the largest set of feature maps alive at once, the least that a runtime can reach: a feature map
lives from the operation that writes it to the last one that reads it, and an elementwise operation (activation, batch
norm, sum) reuses the memory of an input of the same size that is not read later. Attention counts as one fused operation,
whose weights between all pairs of tokens are never stored. Weights and scratch memory of kernels are not counted.
"""

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from helixnas.nn.counting import count_params, evaluating, to_macs


class Counts(NamedTuple):
    """Resources of one forward pass of a module."""

    params: int
    macs: int
    """Multiply-adds (`count_macs`)."""

    norm_elements: int
    """Output elements of batch norms; the paper's "FLOPs" (Table 2) are the multiply-adds plus two per element."""

    activation_bytes: int
    """Largest number of bytes of float32 feature maps alive at once, the input included."""

    @property
    def resources(self) -> dict[str, int]:
        """The resources that a search can limit, by name; ``flops`` are the paper's (Table 2)."""
        return {
            "params": self.params,
            "macs": self.macs,
            "flops": self.macs + 2 * self.norm_elements,
            "activation_bytes": self.activation_bytes,
        }


def count_all(module: nn.Module, shape: tuple[int, ...]) -> Counts:
    """Count all resources in one eval-mode pass over an input of `shape`, batch included, on the meta device.

    >>> with torch.device("meta"):
    ...     layer = nn.Sequential(nn.Conv2d(4, 8, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU())
    >>> count_all(layer, (1, 4, 2, 2))
    Counts(params=48, macs=128, norm_elements=32, activation_bytes=192)
    """
    images = torch.empty(shape, device="meta")
    weights = {_storage(tensor) for tensor in (*module.parameters(), *module.buffers())}
    with evaluating(module), _Recorder(weights) as recorder, _AsOneOperation(recorder):
        output = module(images)
    wanted = {_storage(tensor) for tensor in _tensors(output)}
    return Counts(
        params=count_params(module),
        macs=to_macs(recorder.flops),
        norm_elements=recorder.norm_elements,
        activation_bytes=_largest_live_set(recorder.steps, images, wanted),
    )


class _Step(NamedTuple):
    """One operation: the storages it reads and those it writes, with their sizes in bytes."""

    reads: dict[int, int]
    makes: dict[int, int]
    elementwise: bool
    """Whether it can write into a storage that it reads."""


class _Recorder(TorchDispatchMode):
    """Records the storages that every operation reads and writes; views and in-place operations share one."""

    def __init__(self, weights: set[int]) -> None:
        super().__init__()
        self.weights = weights
        self.steps: list[_Step] = []
        self.kept: list[Tensor] = []
        self.norm_elements = 0
        self.flops = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        output = func(*args, **(kwargs or {}))
        flops_of = flop_registry.get(func._overloadpacket)  # FlopCounterMode would also decompose every other operation
        if flops_of is not None:
            self.flops += flops_of(*args, **(kwargs or {}), out_val=output)
        received, given = _tensors((args, kwargs)), _tensors(output)
        is_norm = "layer_norm" in func.name()
        if is_norm:
            given = given[:1]  # the statistics are unused in eval mode
        self.kept += [*received, *given]  # keeps the storages alive, so that no id is reused
        reads = {_storage(tensor): _bytes(tensor) for tensor in received if _storage(tensor) not in self.weights}
        makes = {_storage(tensor): _bytes(tensor) for tensor in given}
        makes = {name: size for name, size in makes.items() if name not in reads and name not in self.weights}
        elementwise = is_norm or torch.Tag.pointwise in func.tags
        self.steps.append(_Step(reads, makes, elementwise))
        return output


class _AsOneOperation(TorchFunctionMode):
    """Records attention and batch norm as one operation each, without following torch through them.

    On the meta device, attention would be two products and a softmax, and a batch norm some twenty operations in Python.
    """

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self.recorder = recorder

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        recorder = self.recorder
        if func in (F.batch_norm, torch.batch_norm):
            number = len(recorder.steps)
            output = torch.empty_like(args[0])  # recorded with what it reads and makes
            recorder.steps[number] = recorder.steps[number]._replace(elementwise=True)
            recorder.norm_elements += output.numel()
            return output
        if func is F.scaled_dot_product_attention:
            given = dict(zip(("query", "key", "value", "attn_mask"), args, strict=False)) | (kwargs or {})
            query, key, value = given["query"], given["key"], given["value"]
            recorder.flops += 2 * query.shape[:-1].numel() * key.shape[-2] * (query.shape[-1] + value.shape[-1])
            output = query.new_empty((*query.shape[:-1], value.shape[-1]))
            received = _tensors((query, key, value, given.get("attn_mask")))
            recorder.steps.append(_Step({_storage(each): _bytes(each) for each in received}, {}, False))
            return output
        return func(*args, **(kwargs or {}))


def _largest_live_set(steps: list[_Step], given: Tensor, wanted: set[int]) -> int:
    """Return the largest number of bytes alive, with each storage alive from its writer to its last reader."""
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
