from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from helixnas.engine import Runtime, RuntimeConfig
from helixnas.engine.gpu.graphs import CudaGraphs
from helixnas.errors import ConfigError


class Tape:
    """Records calls as a CUDA graph does, but on a CPU: no call while recording, and the same memory at every replay."""

    def __init__(self) -> None:
        self.recorded = self.replayed = 0

    def __call__(self, run: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        output = torch.full_like(run(), float("nan"))
        self.recorded += 1

        def replay() -> None:
            output.copy_(run())
            self.replayed += 1

        return output, replay


@torch.no_grad()
def test_graphs_compute_what_modules_do_for_every_input_and_shape() -> None:
    tape, layer = Tape(), nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    graphs = CudaGraphs(tape)
    inputs = [torch.rand(2, 3, size, size) for size in (5, 5, 7, 5, 7, 7)]
    outputs = [graphs(layer, x) for x in inputs]
    for x, output in zip(inputs, outputs, strict=True):  # at the end: a replay must not change an earlier output
        assert torch.equal(output, layer(x))
    assert (tape.recorded, tape.replayed) == (2, 4)


@torch.no_grad()
def test_memory_order_precision_and_module_have_graphs_of_their_own() -> None:
    tape, layers = Tape(), [nn.Conv2d(3, 4, 1), nn.Conv2d(3, 4, 1)]
    graphs = CudaGraphs(tape)
    x = torch.rand(2, 3, 5, 5)
    for layer in layers:
        for images in (x, x, x.contiguous(memory_format=torch.channels_last)):
            assert torch.equal(graphs(layer, images), layer(images))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert graphs(layers[0], x).dtype == torch.bfloat16
    assert tape.recorded == 2


@torch.no_grad()
def test_modules_without_weights_are_called() -> None:
    tape, x = Tape(), torch.rand(2, 3)
    graphs, layer = CudaGraphs(tape), nn.Identity()
    assert all(graphs(layer, x) is x for _ in range(3))
    assert not tape.recorded


def test_graphs_need_a_gpu() -> None:
    with pytest.raises(
        ConfigError, match=r"^runtime.cuda_graphs needs a CUDA device, but the device is cpu; set it to false"
    ):
        Runtime(RuntimeConfig(device="cpu", cuda_graphs=True))


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@torch.no_grad()
def test_a_gpu_replays_what_modules_compute(precision: str) -> None:
    runtime = Runtime(RuntimeConfig(device="cuda", precision=precision))  # pyright: ignore[reportArgumentType]
    layers = [
        runtime.place(nn.Sequential(nn.Conv2d(8, 16, 1), nn.BatchNorm2d(16, track_running_stats=False), nn.SiLU()))
        for _ in range(3)
    ]
    graphs = CudaGraphs()
    inputs = [runtime.images(torch.rand(4, 8, size, size)) for size in (6, 6, 9, 6, 9, 9)]
    found: list[Tensor] = []
    for x in inputs:  # a context of autocast for each, as in a rating
        with runtime.autocast():
            found += [graphs(layer, x) for layer in layers]
    with runtime.autocast():
        expected = [layer(x) for x in inputs for layer in layers]
    for ours, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, theirs)
