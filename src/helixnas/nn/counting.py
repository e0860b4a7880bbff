"""Parameters and multiply-adds of a module, counted exactly on the meta device, without computing anything."""

import copy
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

ModuleT = TypeVar("ModuleT", bound=nn.Module)
OutputT = TypeVar("OutputT")


def count_params(module: nn.Module) -> int:
    """Return the number of parameters, batch norm's running averages not included.

    >>> count_params(nn.Linear(3, 2))
    8
    """
    return sum(parameter.numel() for parameter in module.parameters())


def count_macs(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-adds of one forward pass in eval mode for an input of `shape`, batch included.

    Convolutions, linear layers and matrix products (both of attention too) count, at half of torch's FLOPs; elementwise
    operations do not. The module must be on the meta device (see `meta_copy`): torch knows no count for the fused
    attention of a CPU.

    >>> with torch.device("meta"):
    ...     layer = nn.Conv2d(3, 8, 3, padding=1, bias=False)
    >>> count_macs(layer, (1, 3, 4, 4))
    3456
    """
    with evaluating(module), _WithoutNorms(), FlopCounterMode(display=False) as counter:
        module(torch.empty(shape, device="meta"))
    return to_macs(counter.get_total_flops())


class _WithoutNorms(TorchFunctionMode):
    """Passes over batch norm: it keeps shapes and has no multiply-adds, but torch takes long to follow it on the meta device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return args[0] if func is F.batch_norm else func(*args, **(kwargs or {}))


def to_macs(flops: int) -> int:
    """Return the multiply-adds of FLOPs as torch counts them."""
    assert flops % 2 == 0, "a multiply-add is two floating point operations"
    return flops // 2


def meta_copy(module: ModuleT) -> ModuleT:
    """Return a `countable_copy` on the meta device."""
    return countable_copy(module).to("meta")


def countable_copy(module: ModuleT) -> ModuleT:
    """Return a copy that computes attention by matrix products, which torch can count on every device."""
    twin = copy.deepcopy(module)
    for part in twin.modules():
        if hasattr(part, "fused_attn"):
            part.fused_attn = False  # pyright: ignore[reportArgumentType] - an attribute of timm's attention layers
    return twin


@contextmanager
def evaluating(module: nn.Module) -> Generator[None]:
    """Put a module in eval mode without autograd while the context lasts."""
    training = module.training
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train(training)


def saved_bytes(module: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the bytes that autograd keeps for the backward pass of an input of `shape`, parameters left out.

    The module must be on the meta device, and is put in training mode; the batch must have at least two images for batch
    norm on maps of one pixel.
    """
    module.train()
    return saved_by(lambda: module(torch.empty(shape, device="meta")))[0]


def saved_by(forward: Callable[[], OutputT]) -> tuple[int, OutputT]:
    """Return the bytes that autograd saves in a forward pass, parameters left out, and what the pass returns.

    >>> weight = torch.ones(3, requires_grad=True)
    >>> saved_by(lambda: weight * torch.zeros(5, 3))[0]
    60
    """
    saved: dict[int, torch.UntypedStorage] = {}  # alive, so that no two have the same number

    def note(tensor: Tensor) -> Tensor:
        if not isinstance(tensor if tensor._base is None else tensor._base, nn.Parameter):
            memory = tensor.untyped_storage()
            saved[memory._cdata] = memory  # pyright: ignore[reportPrivateUsage] - on the meta device there is no address
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = forward()
    return sum(memory.nbytes() for memory in saved.values()), output
