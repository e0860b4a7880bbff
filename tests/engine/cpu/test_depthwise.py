"""Depthwise gradients composed from fast kernels are torch's own."""

import copy

import pytest
import torch
import torch.nn.functional as F
from timm.models._efficientnet_blocks import InvertedResidual
from torch import Tensor, nn

from helixnas.engine.cpu import depthwise
from helixnas.engine.cpu.depthwise import (
    DepthwiseConv2d,
    gradient_by_taps,
    gradient_by_windows,
    input_gradient,
    speed_up_depthwise,
    weight_gradient,
)

CASES = [
    (size, kernel, stride)
    for size in ((4, 4), (9, 6), (16, 16), (11, 13), (20, 7), (1, 2), (2, 2), (3, 9))
    for kernel in (3, 5, 7)
    for stride in (1, 2)
]


def maps(*shape: int, dtype: torch.dtype = torch.float64) -> Tensor:
    torch.manual_seed(sum(shape))
    return torch.randn(*shape, dtype=dtype).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("size", "kernel", "stride"), CASES)
def test_gradients_are_those_of_autograd(size: tuple[int, int], kernel: int, stride: int) -> None:
    x, weight = maps(3, 6, *size).requires_grad_(), maps(6, 1, kernel, kernel).requires_grad_()
    y = F.conv2d(x, weight, None, stride, kernel // 2, 1, 6)
    grad = maps(*y.shape)
    y.backward(grad)
    assert x.grad is not None
    assert weight.grad is not None
    with torch.no_grad():
        torch.testing.assert_close(input_gradient(grad, weight, size, stride), x.grad)
        ways = [weight_gradient, gradient_by_taps, *([gradient_by_windows] if kernel > 3 else [])]
        for way in ways:
            torch.testing.assert_close(way(x, grad, weight, stride), weight.grad, msg=way.__name__)


@pytest.mark.parametrize("kernel", [3, 5, 7])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("size", [(12, 10), (2, 2)])
def test_module_gives_what_torchs_own_gives(
    kernel: int, stride: int, dtype: torch.dtype, bias: bool, size: tuple[int, int]
) -> None:
    own = nn.Conv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=bias)
    fast = speed_up_depthwise(nn.Sequential(copy.deepcopy(own)))
    x = maps(4, 8, *size, dtype=torch.float32)
    results: list[tuple[Tensor, ...]] = []
    for module in (own, fast):
        image = x.clone(memory_format=torch.preserve_format).requires_grad_()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype is torch.bfloat16):
            y = module(image)
        assert y.dtype is dtype
        y.float().square().mean().backward()
        assert image.grad is not None
        results.append((y, image.grad, *(p.grad for p in module.parameters() if p.grad is not None)))
    assert len(results[0]) == 3 + bias
    near = 2e-2 if dtype is torch.bfloat16 else 1e-5
    for expected, found in zip(*results, strict=True):
        assert found.dtype is expected.dtype
        torch.testing.assert_close(found, expected, rtol=near, atol=near * expected.abs().max().item())


def test_only_depthwise_convolutions_that_gain_are_changed_and_nothing_else() -> None:
    block = InvertedResidual(8, 8, dw_kernel_size=5, exp_ratio=2)
    before = {name: type(module) for name, module in block.named_modules()}
    state = {name: value.clone() for name, value in block.state_dict().items()}
    assert speed_up_depthwise(block) is block
    changed = {name for name, module in block.named_modules() if type(module) is not before[name]}
    assert changed == {"conv_dw"}
    assert type(block.conv_dw) is DepthwiseConv2d
    assert all(torch.equal(value, state[name]) for name, value in block.state_dict().items())


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(4, 8, 5, padding=2, groups=4),
        nn.Conv2d(8, 8, 5, padding=2, groups=4),
        nn.Conv2d(8, 8, 5, padding=0, groups=8),
        nn.Conv2d(8, 8, 4, padding=2, groups=8),
        nn.Conv2d(8, 8, (3, 5), padding=(1, 2), groups=8),
        nn.Conv2d(8, 8, 5, padding=4, dilation=2, groups=8),
        nn.Conv2d(8, 8, 5, padding=2, stride=3, groups=8),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, padding_mode="reflect"),
        nn.Conv2d(8, 8, 1, groups=8),
    ],
)
def test_other_convolutions_stay_as_they_are(conv: nn.Conv2d) -> None:
    assert type(speed_up_depthwise(nn.Sequential(conv))[0]) is nn.Conv2d


def takes_own_path(conv: nn.Conv2d, x: Tensor, precision: torch.dtype = torch.float32) -> bool:
    with torch.autocast("cpu", torch.bfloat16, enabled=precision is torch.bfloat16):
        return "_Depthwise" in type(conv(x).grad_fn).__name__


def test_only_images_in_channels_last_order_that_need_gradients_take_the_composed_path() -> None:
    conv, x = DepthwiseConv2d(8, 8, 5, padding=2, groups=8, bias=False), maps(2, 8, 4, 4, dtype=torch.float32)
    for precision in (torch.bfloat16, torch.float32):
        assert takes_own_path(conv, x, precision)
        assert not takes_own_path(conv, x.contiguous(), precision)
    with torch.no_grad():
        assert conv(x).grad_fn is None
    assert not takes_own_path(conv.double(), x.double())


@pytest.mark.parametrize(
    ("kernel", "stride", "side", "gains"),
    [
        (3, 1, 2, {"AVX2", "AVX512", "bfloat16"}),
        (5, 1, 4, {"AVX2", "AVX512", "bfloat16"}),
        (3, 1, 3, set[str]()),
        (3, 2, 3, {"bfloat16"}),
        (5, 1, 5, {"AVX512", "bfloat16"}),
    ],
)
def test_gradients_are_composed_where_this_was_measured_to_gain(
    kernel: int, stride: int, side: int, gains: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    conv = DepthwiseConv2d(8, 8, kernel, stride, kernel // 2, groups=8, bias=False)
    x, found = maps(2, 8, side, side, dtype=torch.float32), set[str]()
    for name in ("AVX2", "AVX512", "bfloat16"):
        monkeypatch.setattr(depthwise, "HAS_AVX512", name == "AVX512")
        if takes_own_path(conv, x, torch.bfloat16 if name == "bfloat16" else torch.float32):
            found.add(name)
    assert found == gains
