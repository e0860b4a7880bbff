"""Gradients of depthwise convolutions on a CPU, and the training steps of whole networks with them.

Claim: they are never slower than PyTorch's own by more than the noise, and many times as fast on images smaller than the
kernel. Each pair takes turns in one process and on one thread; medians of seven.
"""

import copy
import statistics
import time
from collections.abc import Callable

import timm
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helixnas.engine.cpu.allocation import keep_freed_memory
from helixnas.engine.cpu.depthwise import HAS_AVX512, speed_up_depthwise
from helixnas.engine.cpu.layout import keep_gradient_layout

ROUNDS, BATCH = 7, 64
LAYERS = [
    (channels, kernel, side, stride)
    for channels, side in ((576, 1), (576, 2), (384, 4), (240, 8), (144, 16))
    for kernel in (3, 5, 7)
    for stride in (1, 2)
    if stride <= side
]
"""Channels, kernel, rows of the image, and stride."""
NETWORKS = [
    ("mobilenetv3_small_100", 32),
    ("mobilenetv3_small_100", 96),
    ("efficientnet_lite0", 32),
    ("efficientnet_lite0", 128),
]


def main() -> None:
    """Print the seconds of both, and the ratio in the same round."""
    torch.set_num_threads(1)
    keep_freed_memory()
    print(f"AVX-512: {HAS_AVX512}; batch {BATCH}; forward and backward")
    for channels, kernel, side, stride in LAYERS:
        conv = nn.Conv2d(channels, channels, kernel, stride, kernel // 2, groups=channels, bias=False)
        compare(f"{channels} channels, {kernel}x{kernel}, stride {stride}, {side} pixels", conv, channels, side)
    for name, side in NETWORKS:
        compare(f"{name}, {side} pixels", timm.create_model(name, num_classes=10), 3, side)


def compare(label: str, module: nn.Module, channels: int, side: int) -> None:
    """Print one pair."""
    plain = keep_gradient_layout(module.to(memory_format=torch.channels_last).train())  # pyright: ignore[reportCallIssue]
    passes = {
        "plain": _step(plain, channels, side),
        "own": _step(speed_up_depthwise(copy.deepcopy(plain)), channels, side),
    }
    taken: dict[str, list[float]] = {name: [] for name in passes}
    for _ in range(ROUNDS + 2):
        for name, step in passes.items():
            started = time.process_time()
            step()
            taken[name].append(time.process_time() - started)
    plain_times, own_times = (taken[name][2:] for name in passes)
    ratio = statistics.median(a / b for a, b in zip(plain_times, own_times, strict=True))
    print(
        f"{label}: {1e3 * statistics.median(plain_times):.1f} ms, {1e3 * statistics.median(own_times):.1f} ms, {ratio:.2f} x",
        flush=True,
    )


def _step(module: nn.Module, channels: int, side: int) -> Callable[[], None]:
    x = torch.randn(BATCH, channels, side, side).contiguous(memory_format=torch.channels_last)

    def step() -> None:
        module.zero_grad(set_to_none=True)
        _loss(module(x.requires_grad_(channels > 3))).backward()

    return step


def _loss(y: Tensor) -> Tensor:
    return F.cross_entropy(y, y.new_zeros(len(y), dtype=torch.long)) if y.dim() == 2 else (y * y.detach()).sum()


if __name__ == "__main__":
    main()
