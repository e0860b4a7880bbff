"""CUDA graphs of modules that run again and again on inputs of one shape (`runtime.cuda_graphs`).

Rating runs every operation on many inputs of the same shape. On small feature maps the GPU waits for Python to launch the
dozen kernels of each; a graph launches them at once. One graph per operation and shape, not per cell: a cell of 6 operations
and 4 layers launches some 20,000 kernels. Inputs are copied into the graph's memory and outputs out of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

Run = Callable[[nn.Module, Tensor], Tensor]
"""Calls a module on an input."""

Record = Callable[[Callable[[], Tensor]], tuple[Tensor, Callable[[], None]]]
"""Records a call without doing it; returns its output, which is valid after every replay, and the replay."""


def call(module: nn.Module, x: Tensor) -> Tensor:
    """Call a module."""
    return module(x)


class CudaGraphs:
    """Calls modules whose weights stay where they are, by CUDA graphs from the second input of the same shape on.

    The first call also lets the libraries choose kernels, which they cannot do while recording. Without gradients only.
    **The recording itself has not run on a GPU yet**, which is why `runtime.cuda_graphs` is off by default: tests on a CPU
    use another `record`, and tests marked ``gpu`` compare with plain calls.
    """

    def __init__(self, record: Record | None = None) -> None:
        self._record = record or _CudaRecorder()
        self._met: set[Any] = set()
        self._recorded: dict[Any, _Recorded] = {}

    def __call__(self, module: nn.Module, x: Tensor) -> Tensor:
        """Return the module's output; modules without weights are called as they are."""
        if next(module.parameters(), None) is None:
            return module(x)
        dtype = torch.get_autocast_dtype(x.device.type) if torch.is_autocast_enabled(x.device.type) else None
        key = (module, module.training, x.shape, x.stride(), x.dtype, dtype)
        if key not in self._met:
            self._met.add(key)
            return module(x)
        if key not in self._recorded:
            received = torch.empty_like(x)
            self._recorded[key] = _Recorded(received, *self._record(lambda: module(received)))
        found = self._recorded[key]
        found.received.copy_(x)
        found.replay()
        return found.output.clone()  # the next replay overwrites it


class _Recorded(NamedTuple):
    received: Tensor
    output: Tensor
    replay: Callable[[], None]


class _CudaRecorder:
    """Records calls as CUDA graphs that share their intermediate memory, since they run one after another."""

    def __init__(self) -> None:
        self._pool = torch.cuda.graph_pool_handle()

    def __call__(self, run: Callable[[], Tensor]) -> tuple[Tensor, Callable[[], None]]:
        graph = torch.cuda.CUDAGraph()
        # The cache of autocast would hand the graph weights that are freed when the context around it ends.
        autocast = torch.autocast(
            "cuda",
            dtype=torch.get_autocast_dtype("cuda"),
            enabled=torch.is_autocast_enabled("cuda"),
            cache_enabled=False,
        )
        # A thread that reads images may allocate pinned memory meanwhile, which the default mode forbids.
        with autocast, torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            output = run()
        return output, graph.replay
