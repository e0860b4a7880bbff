"""Output stride: dilation in place of stride, so that a network for dense tasks keeps finer maps.

A layer that would shrink a map below the output stride keeps its size, and the kernels of all later layers are spread by the
stride that was left out, as in DeepLab (and timm's EfficientNet). Without squeeze-excite, the finer map then holds
the features of the coarse one at every second (or fourth) pixel, exactly.
"""

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from helixnas.errors import ConfigError, first_line
from helixnas.nn.counting import evaluating

OUTPUT_STRIDES = (8, 16, 32)
SIDE = 256
"""Side of the image that a network is traced with."""

SHRINKING = (nn.MaxPool2d, nn.AvgPool2d)


class Step(NamedTuple):
    """Stride and dilation of a layer, and whether it lost its stride."""

    stride: int
    dilation: int
    is_kept: bool = False
    """Whether the map keeps its size where it would have shrunk."""


def require_output_stride(output_stride: int) -> None:
    """Raise `ConfigError` unless the output stride is 0 (that of the network) or one of 8, 16 and 32."""
    if output_stride not in (0, *OUTPUT_STRIDES):
        raise ConfigError(f"output_stride must be 8, 16, 32 or 0 (that of the network), not {output_stride}")


def steps(strides: Iterable[int], output_stride: int) -> list[Step]:
    """Return stride and dilation of consecutive layers for an output stride; 0 changes nothing.

    >>> [tuple(step)[:2] for step in steps((2, 2, 2, 2, 1, 2, 1), 8)]
    [(2, 1), (2, 1), (2, 1), (1, 1), (1, 2), (1, 2), (1, 4)]
    """
    reduction, dilation, found = 1, 1, list[Step]()
    for stride in strides:
        is_kept = bool(output_stride) and stride > 1 and reduction * stride > output_stride
        found.append(Step(1 if is_kept else stride, dilation, is_kept))
        reduction, dilation = (reduction, dilation * stride) if is_kept else (reduction * stride, dilation)
    return found


def dilate(model: nn.Module, output_stride: int, *, name: str) -> None:
    """Give any convolutional network an output stride, in place, with its weights.

    The network is run once on an image to find where its maps shrink, and once to see that its last one has the output
    stride. Messages call it `name`. Raises `ConfigError` if something other than a convolution of an odd kernel, such as
    blur pooling, shrinks the map beyond the output stride.
    """
    require_output_stride(output_stride)
    if not output_stride:
        return
    for module, reduction in _traced(model, name):
        stride = _side(module.stride)
        is_kept = stride > 1 and reduction * stride > output_stride
        if is_kept and (isinstance(module, SHRINKING) or _side(module.kernel_size) % 2 == 0):
            kind = f"{type(module).__name__} of kernel {_side(module.kernel_size)}"
            raise ConfigError(
                f"{name} cannot have output stride {output_stride}: {kind} shrinks its map of stride {reduction}, and only "
                "convolutions of an odd kernel can be dilated; choose a larger output stride, or the head upernet"
            )
        if not isinstance(module, SHRINKING):
            _dilate_one(module, reduction, output_stride)
    _require_stride(model, output_stride, name)


def _require_stride(model: nn.Module, output_stride: int, name: str) -> None:
    """Raise `ConfigError` if the last map of a dilated network is coarser; what is no map is not looked at."""
    try:
        found = _run(model)
    except Exception as error:  # the model's own code can raise anything
        reason = f"once dilated, it does not run ({first_line(error)})"
    else:
        last = found[-1] if isinstance(found, list | tuple) else found
        if last.ndim != 4 or SIDE // last.shape[-2] <= output_stride:
            return
        reason = f"its last map keeps stride {SIDE // last.shape[-2]}"
    raise ConfigError(
        f"{name} cannot have output stride {output_stride}: {reason}, because something other than a convolution shrinks its "
        "maps, such as blur pooling; choose another network, or the head upernet"
    )


def _dilate_one(module: nn.Conv2d, reduction: int, output_stride: int) -> None:
    """Change a convolution whose input had this reduction."""
    spread = max(1, reduction // output_stride)
    stride = module.stride[0]
    if reduction * stride > output_stride:
        kept = max(1, output_stride // reduction)
        module.stride = (kept, kept)
    if spread > 1 and max(module.kernel_size) > 1:
        module.dilation = (spread * module.dilation[0], spread * module.dilation[1])
        if not isinstance(module.padding, str):
            module.padding = (spread * module.padding[0], spread * module.padding[1])


def _traced(model: nn.Module, name: str) -> list[tuple[Any, int]]:
    """Return convolutions and poolings with the reduction of their input, those of pooled vectors left out."""
    found: dict[nn.Module, int] = {}

    def note(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        height = inputs[0].shape[-2]
        if height > 1:
            found.setdefault(module, SIDE // height)

    with _hooked(model, note):
        try:
            _run(model)
        except Exception as error:  # the model's own code can raise anything
            raise ConfigError(
                f"{name} cannot be dilated: it does not take images of {SIDE} pixels ({first_line(error)})"
            ) from error
    return list(found.items())


def _run(model: nn.Module) -> Any:
    """Return what a network in eval mode makes of a black image."""
    with evaluating(model):
        return model(torch.zeros(1, 3, SIDE, SIDE, device=next(model.parameters()).device))


@contextmanager
def _hooked(model: nn.Module, note: Any) -> Generator[None]:
    parts = [each for each in model.modules() if isinstance(each, (nn.Conv2d, *SHRINKING))]
    handles = [part.register_forward_pre_hook(note) for part in parts]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _side(size: int | Sequence[int]) -> int:
    return size if isinstance(size, int) else max(size)
