"""Depthwise convolution with fast gradients on a CPU.

PyTorch's CPU kernels for the gradients are slow in three cases (`benchmarks/depthwise.py` measures them):

- On images smaller than the kernel, the weight gradient takes up to a hundred times as long as the forward pass. Here it is a
  product of two small images per tap of the kernel, summed.
- With AVX-512, or in bfloat16, the weight gradient takes more than ten times as long as the forward pass if the kernel has more
  than three columns, or more than three rows and the image is not tall enough. Here the fast kernels run on shifted images,
  three columns of the kernel at a time.
- In bfloat16, the input gradient of a strided convolution is slow. Here it is four convolutions of stride 1, for even and odd
  rows and columns.
"""

from typing import Any, Literal, cast

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

FAST = 3
"""Largest number of columns of a kernel with a fast weight gradient."""

HAS_AVX512 = "AVX512" in torch.backends.cpu.get_cpu_capability()
"""Whether this CPU's kernels are those that are slow for more than three columns; with AVX2 they are not."""


class DepthwiseConv2d(nn.Conv2d):
    """A depthwise convolution that differs from PyTorch's only in the speed of its gradients on a CPU."""

    def forward(self, input: Float[Tensor, "batch channels height width"]) -> Tensor:
        """Return the convolution of `input`."""
        dtype = torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else input.dtype
        if not self._gains(dtype, input):
            return super().forward(input)
        with torch.autocast("cpu", enabled=False):
            result = _Depthwise.apply(input.to(dtype), self.weight.to(dtype), self.stride[0], self.kernel_size[0] // 2)
            y = cast(Tensor, result)
        return y if self.bias is None else y + self.bias.to(dtype).reshape(1, -1, 1, 1)

    def _gains(self, dtype: torch.dtype, x: Tensor) -> bool:
        """Return whether the gradients of this module are faster than PyTorch's."""
        is_wide = self.kernel_size[1] > FAST
        return (
            dtype in (torch.bfloat16, torch.float32)
            and torch.is_grad_enabled()
            and x.device.type == "cpu"
            and x.is_contiguous(memory_format=torch.channels_last)
            and (
                _is_small(x, self.weight)
                or (is_wide and HAS_AVX512)
                or (dtype is torch.bfloat16 and (is_wide or self.stride == (2, 2)))
            )
        )


def speed_up_depthwise(model: nn.Module) -> nn.Module:
    """Replace the depthwise convolutions of a model by fast ones; parameters, names and results stay the same."""
    for module in model.modules():
        if type(module) is nn.Conv2d and _fits(module):
            module.__class__ = DepthwiseConv2d
    return model


def _fits(conv: nn.Conv2d) -> bool:
    rows, columns = conv.kernel_size
    return (
        conv.groups == conv.in_channels == conv.out_channels
        and conv.padding_mode == "zeros"
        and conv.padding == (rows // 2, columns // 2)
        and rows == columns
        and rows % 2 == 1
        and rows > 1
        and conv.dilation == (1, 1)
        and conv.stride in ((1, 1), (2, 2))
    )


def _is_small(x: Tensor, weight: Tensor) -> bool:
    """Return whether the images are smaller than the kernel."""
    return min(x.shape[2:]) < weight.shape[-1]


class _Depthwise(torch.autograd.Function):
    """F.conv2d with one group per channel, and its gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride] - torch passes one gradient per output
        ctx: Any, grad: Tensor
    ) -> tuple[Tensor | None, Tensor | None, None, None]:
        x, weight = ctx.saved_tensors
        grad = grad.contiguous(memory_format=torch.channels_last)
        of_input = of_weight = None
        if ctx.needs_input_grad[0]:
            half = weight.shape[-1] // 2
            if ctx.stride > 1 and grad.dtype is not torch.bfloat16:
                of_input = _gradient("input", x, grad, weight, ctx.stride, (half, half))
            else:
                of_input = input_gradient(grad, weight, (x.shape[2], x.shape[3]), ctx.stride)
        if ctx.needs_input_grad[1]:
            of_weight = weight_gradient(x, grad, weight, ctx.stride)
        return of_input, of_weight, None, None


def weight_gradient(
    x: Float[Tensor, "batch channels height width"],
    grad: Float[Tensor, "batch channels rows columns"],
    weight: Float[Tensor, "channels 1 kernel kernel"],
    stride: int,
) -> Float[Tensor, "channels 1 kernel kernel"]:
    """Return the gradient of a depthwise weight by the fastest way on this CPU."""
    if _is_small(x, weight):
        return gradient_by_taps(x, grad, weight, stride)
    if weight.shape[-1] > FAST and (HAS_AVX512 or x.dtype is torch.bfloat16):
        return gradient_by_windows(x, grad, weight, stride)
    half = weight.shape[-1] // 2
    return _gradient("weight", x, grad, weight, stride, (half, half))


def gradient_by_taps(
    x: Float[Tensor, "batch channels height width"],
    grad: Float[Tensor, "batch channels rows columns"],
    weight: Float[Tensor, "channels 1 kernel kernel"],
    stride: int,
) -> Float[Tensor, "channels 1 kernel kernel"]:
    """Return the gradient of a depthwise weight, one row and column of the kernel at a time; fast on small images."""
    kernel, exact = weight.shape[-1], torch.float32 if x.dtype is torch.bfloat16 else x.dtype
    images, grads = (each.permute(0, 2, 3, 1).to(exact) for each in (x, grad))
    result = grads.new_zeros(kernel, kernel, len(weight))
    spans = [
        [_span(tap - kernel // 2, stride, *sides) for tap in range(kernel)]
        for sides in zip(x.shape[2:], grad.shape[2:], strict=True)
    ]
    for row, (rows, to_rows) in enumerate(spans[0]):
        for column, (columns, to_columns) in enumerate(spans[1]):
            products = images[:, rows, columns] * grads[:, to_rows, to_columns]
            torch.sum(products, (0, 1, 2), out=result[row, column])
    return result.permute(2, 0, 1).unsqueeze(1).to(weight.dtype)


def _span(shift: int, stride: int, side: int, outputs: int) -> tuple[slice, slice]:
    """Return the rows that a tap reads and the outputs that it contributes to: output i reads row i * stride + shift."""
    first = max(0, -(shift // stride))
    last = min(outputs - 1, (side - 1 - shift) // stride)
    start = first * stride + shift
    return slice(start, max(start, last * stride + shift + 1), stride), slice(first, max(first, last + 1))


def gradient_by_windows(
    x: Float[Tensor, "batch channels height width"],
    grad: Float[Tensor, "batch channels rows columns"],
    weight: Float[Tensor, "channels 1 kernel kernel"],
    stride: int,
) -> Float[Tensor, "channels 1 kernel kernel"]:
    """Return the gradient of a depthwise weight of more than three columns, three of them at a time."""
    kernel = weight.shape[-1]
    half = kernel // 2
    # otherwise kernels of more than three rows are slow
    is_tall = x.shape[2] >= kernel and (stride == 1 or kernel == 5)
    result = torch.empty_like(weight)
    for column in _windows(kernel):
        beside = _from(x, 3, column.start - half, stride * (grad.shape[3] - 1) + FAST)
        if is_tall:
            result[..., column] = _gradient("weight", beside, grad, weight[..., column], stride, (half, 0))
            continue
        for row in _windows(kernel):
            window = _from(beside, 2, row.start - half, stride * (grad.shape[2] - 1) + FAST)
            result[..., row, column] = _gradient("weight", window, grad, weight[..., row, column], stride, (0, 0))
    return result


def _from(x: Tensor, dim: int, start: int, length: int) -> Tensor:
    """Return `length` rows (dim 2) or columns (dim 3) of an image from `start` on, zero-padded; faster than F.pad."""
    shape = list(x.shape)
    shape[dim] = length
    batch, channels, height, width = shape
    window = x.new_empty(batch, height, width, channels).permute(0, 3, 1, 2)
    before = min(max(0, -start), length)
    there = max(0, min(length, x.shape[dim] - start) - before)
    window.narrow(dim, 0, before).zero_()
    window.narrow(dim, before, there).copy_(x.narrow(dim, max(0, start), there))
    window.narrow(dim, before + there, length - before - there).zero_()
    return window


def _windows(kernel: int) -> list[slice]:
    """Return slices of length three that cover the rows or columns of a kernel; the last two may overlap."""
    starts = {min(first, kernel - FAST) for first in range(0, kernel, FAST)}
    return [slice(first, first + FAST) for first in sorted(starts)]


def input_gradient(
    grad: Float[Tensor, "batch channels rows columns"],
    weight: Float[Tensor, "channels 1 kernel kernel"],
    size: tuple[int, int],
    stride: int,
) -> Float[Tensor, "batch channels height width"]:
    """Return the gradient of the input of a depthwise convolution with padding kernel // 2 and stride 1 or 2."""
    height, width = size
    if stride == 1:
        return F.conv2d(grad, weight.flip(2, 3), None, 1, weight.shape[-1] // 2, 1, len(weight))
    shape = (len(grad), (height + 1) // 2, 2, (width + 1) // 2, 2, len(weight))
    result = grad.new_empty(shape)
    for row in (0, 1):
        for column in (0, 1):
            result[:, :, row, :, column] = _phase(grad, weight, row, column).permute(0, 2, 3, 1)
    whole = result.reshape(len(grad), shape[1] * 2, shape[3] * 2, len(weight)).permute(0, 3, 1, 2)
    return whole[:, :, :height, :width]


def _phase(grad: Tensor, weight: Tensor, row: int, column: int) -> Tensor:
    """Return the input gradient at every second row and column, from `row` and `column` on."""
    half = weight.shape[-1] // 2
    starts = [(remainder + half) % 2 for remainder in (row, column)]
    part = weight[:, :, starts[0] :: 2, starts[1] :: 2].flip(2, 3)
    right = [(remainder + half - start) // 2 for remainder, start in zip((row, column), starts, strict=True)]
    left = [number - 1 - after for number, after in zip(part.shape[2:], right, strict=True)]
    both = [max(pair) for pair in zip(left, right, strict=True)]
    wide = F.conv2d(grad, part, None, 1, both, 1, len(weight))
    top, start = both[0] - left[0], both[1] - left[1]
    return wide[:, :, top : top + grad.shape[2], start : start + grad.shape[3]]


def _gradient(
    of: Literal["input", "weight"], x: Tensor, grad: Tensor, weight: Tensor, stride: int, padding: tuple[int, int]
) -> Tensor:
    """Return PyTorch's gradient; `torch.nn.grad` takes longer."""
    steps, margins, unused, wanted = [stride, stride], list(padding), [0, 0], [of == "input", of == "weight", False]
    both = torch.ops.aten.convolution_backward(
        grad, x, weight, None, steps, margins, [1, 1], False, unused, len(weight), wanted
    )
    return both[wanted.index(True)]
