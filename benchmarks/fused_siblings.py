"""Expansions of operations of one layer, as one convolution: does rating become faster?

In rating, all operations of a layer run on the same input, and those of kind mbconv begin with a 1x1 convolution. One
convolution with stacked weights would read the input once: for the siblings that differ in kernel only (`--by expansion`:
`mb6_k3`, `mb6_k5`), or for all of a layer (`--by layer`). Measured against the
operations one by one, per layer of a space, in turns: the convolutions alone; `expansions`: stacked convolution, batch norm and
activation, then a split into operations; `depthwise`: the same with a stacked depthwise convolution, smaller kernels padded
with zeros, and the split behind it. All give the same outputs. A space's ratio weighs layers by how often rating runs
them; 1.05 would be worth building.

    python benchmarks/fused_siblings.py [SPACE ...] [--batch N] [--precision fp32|bf16] [--device cpu|cuda] [--quick]
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from helixnas.engine import Runtime, RuntimeConfig, wait_for
from helixnas.nn import BATCH_STATISTICS, Place, build_operation, initialize
from helixnas.space import Operation, SearchSpace, macro, mbconv

SPACES: dict[str, tuple[Callable[[], SearchSpace], int, int]] = {"macro": (macro, 32, 250), "mbconv": (mbconv, 224, 8)}
"""Space, pixels of an image, and images of a batch."""

SECONDS = 0.4
"""Time for which the calls of one layer and way are repeated, at least."""


@dataclass(frozen=True)
class Layer:
    """A layer with its candidates in one place, and how often a rating runs it on a batch."""

    groups: tuple[tuple[Operation, ...], ...]
    """Those that are stacked together."""

    in_width: int
    out_width: int
    stride: int
    size: int
    runs: int


def main() -> None:
    """Print a table per space and precision."""
    parser = argparse.ArgumentParser()
    parser.add_argument("spaces", nargs="*", default=list(SPACES))
    parser.add_argument("--batch", type=int, default=0)
    parser.add_argument("--precision", nargs="*", default=["fp32", "bf16"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--by", nargs="*", choices=("expansion", "layer"), default=["expansion", "layer"])
    parser.add_argument("--layers", type=int, default=0, help="only so many layers, evenly spread; 0 for all")
    parser.add_argument("--quick", action="store_true", help="one layer of few pixels")
    options = parser.parse_args()
    for name, by in itertools.product(options.spaces, options.by):
        make, size, batch = SPACES[name]
        layers = distinct(make(), size, by)
        number = 1 if options.quick else options.layers
        layers = layers[-1 :: -max(1, len(layers) // number)][:number] if number else layers
        for precision in options.precision if layers else ():
            runtime = Runtime(RuntimeConfig(device=options.device, precision=precision))
            title = f"{name}, {precision}, stacked by {by}"
            report(title, layers, 2 if options.quick else options.batch or batch, runtime, quick=options.quick)


def distinct(space: SearchSpace, size: int, by: str) -> list[Layer]:
    """Return the layers of a space that have siblings, each once per place."""
    size //= space.strides[0] // space.blocks[0].stride
    found: dict[tuple[Any, ...], int] = {}
    for number, block in enumerate(space.blocks, start=1):
        for cell in block.cells:
            for width in space.previous_widths(number):
                nodes = side = 0
                for layer, place in enumerate(cell.places(width, block.stride)):
                    nodes, side = (nodes * cell.choices[layer - 1], side) if layer else (1, size)
                    key = (cell.layers[layer], place.in_width, place.out_width, place.stride, side)
                    found[key] = found.get(key, 0) + nodes
                    side = -(-side // place.stride)
        size = -(-size // block.stride)
    layers = [Layer(siblings(operations, by), *place, runs) for (operations, *place), runs in found.items()]
    return [layer for layer in layers if any(len(group) > 1 for group in layer.groups)]


def siblings(operations: Sequence[Operation], by: str) -> tuple[tuple[Operation, ...], ...]:
    """Return the operations in groups that differ only in the kernel, or also in the expansion; others are alone."""
    apart = {"kernel"} if by == "expansion" else {"kernel", "expansion"}

    def rest(operation: Operation) -> str:
        if operation.kind != "mbconv":
            return operation.name
        return str([option for option in operation.options if option[0] not in apart])

    return tuple(tuple(group) for _, group in itertools.groupby(sorted(operations, key=rest), rest))


def report(title: str, layers: Sequence[Layer], batch: int, runtime: Runtime, *, quick: bool) -> None:
    """Print how many times as fast every way is, per layer and for all layers as often as rating runs them."""
    print(f"\n## {title}, batches of {batch}, {runtime.device}, {torch.get_num_threads()} threads\n")
    print("| layer | runs | ms | convolutions alone | expansions | depthwise |\n|---|---|---|---|---|---|")
    total: dict[str, float] = {}
    for layer in layers:
        times = measure(layer, batch, runtime, seconds=0.0 if quick else SECONDS)
        for way, seconds in times.items():
            total[way] = total.get(way, 0.0) + layer.runs * seconds
        place = f"{layer.in_width} to {layer.out_width}, stride {layer.stride}, {layer.size} pixels"
        print(f"| {place} | {layer.runs} | {1000 * times['apart']:.1f} | {ratios(times)} |", flush=True)
    print(f"| all | | | {ratios(total)} |")


def ratios(times: dict[str, float]) -> str:
    """Return the speed of the three ways relative to operations one by one."""
    alone, apart = times["convolutions apart"] / times["convolutions stacked"], times["apart"]
    return f"{alone:.3f} | {apart / times['expansions']:.3f} | {apart / times['depthwise']:.3f}"


def measure(layer: Layer, batch: int, runtime: Runtime, *, seconds: float) -> dict[str, float]:
    """Return the median seconds of every way to run the operations of a layer; raises if their outputs differ."""
    torch.manual_seed(0)
    place = Place(in_width=layer.in_width, out_width=layer.out_width, stride=layer.stride, norm_layer=BATCH_STATISTICS)
    groups = [nn.ModuleList(build_operation(operation, place) for operation in group) for group in layer.groups]
    groups = [runtime.place(group) for group in groups if len(group) > 1 or any(True for _ in group.parameters())]
    initialize(nn.ModuleList(groups))
    stacks = [Stack(group) if len(group) > 1 else None for group in groups]
    x = runtime.images(torch.randn(batch, layer.in_width, layer.size, layer.size))
    fused = [stack for stack in stacks if stack is not None]
    ways: dict[str, Callable[[], list[Tensor]]] = {
        "apart": lambda: [each(x) for group in groups for each in group],
        "expansions": lambda: run_all(groups, stacks, x, Stack.expansions),
        "depthwise": lambda: run_all(groups, stacks, x, Stack.depthwise),
        "convolutions apart": lambda: [F.conv2d(x, each.conv_pw.weight) for stack in fused for each in stack.group],
        "convolutions stacked": lambda: [F.conv2d(x, stack.expand) for stack in fused],
    }
    with torch.no_grad(), runtime.autocast():
        exact = runtime.precision == "fp32"
        for way in ("expansions", "depthwise"):
            for own, other in zip(ways["apart"](), ways[way](), strict=True):
                error = (own.float() - other.float()).std() / own.float().std()
                assert error < (1e-4 if exact else 0.05), (way, float(error))
        return alternate(ways, runtime, seconds)


def run_all(groups: Any, stacks: Any, x: Tensor, way: Callable[[Any, Tensor], list[Tensor]]) -> list[Tensor]:
    """Run stacks in one way and operations without siblings as they are."""
    return [
        y
        for group, stack in zip(groups, stacks, strict=True)
        for y in ([each(x) for each in group] if stack is None else way(stack, x))
    ]


class Stack:
    """Sibling mbconv operations with stacked weights."""

    def __init__(self, group: Any) -> None:
        self.group, first = group, group[0]
        self.widths = [each.conv_dw.in_channels for each in group]
        self.stride = first.conv_dw.stride
        self.kernel = max(each.conv_dw.kernel_size[0] for each in group)
        with torch.no_grad():
            self.expand = _ordered([each.conv_pw.weight for each in group])
            self.filter = _ordered([_padded(each.conv_dw.weight, self.kernel) for each in group])
            self.norms = [
                tuple(torch.cat([getattr(getattr(each, norm), part) for each in group]) for part in ("weight", "bias"))
                for norm in ("bn1", "bn2")
            ]
        self.eps, self.activation = first.bn1.eps, first.bn1.act

    def _norm(self, x: Tensor, number: int) -> Tensor:
        weight, bias = self.norms[number]
        return self.activation(F.batch_norm(x, None, None, weight, bias, training=True, eps=self.eps))

    def _split(self, x: Tensor) -> list[Tensor]:
        return [part.contiguous(memory_format=torch.channels_last) for part in x.split(self.widths, 1)]

    def expansions(self, x: Tensor) -> list[Tensor]:
        """Return the outputs, expanded together."""
        parts = self._split(self._norm(F.conv2d(x, self.expand), 0))
        return [_end(each, x, each.bn2(each.conv_dw(part))) for each, part in zip(self.group, parts, strict=True)]

    def depthwise(self, x: Tensor) -> list[Tensor]:
        """Return the outputs, expanded and filtered together."""
        wide = self._norm(F.conv2d(x, self.expand), 0)
        wide = F.conv2d(wide, self.filter, None, self.stride, self.kernel // 2, 1, len(self.filter))
        parts = self._split(self._norm(wide, 1))
        return [_end(each, x, part) for each, part in zip(self.group, parts, strict=True)]


def _end(layer: Any, x: Tensor, part: Tensor) -> Tensor:
    """Return the output of an operation from what follows its depthwise convolution, norm and activation."""
    y = layer.bn3(layer.conv_pwl(layer.se(layer.aa(part))))
    return y + x if layer.has_skip else y


def _ordered(weights: Sequence[Tensor]) -> Tensor:
    stacked = torch.cat(list(weights)).contiguous(memory_format=torch.channels_last)
    return nn.Parameter(stacked)  # autocast converts parameters once, as it does those of the operations


def _padded(weight: Tensor, kernel: int) -> Tensor:
    margin = (kernel - weight.shape[-1]) // 2
    return F.pad(weight, (margin,) * 4)


def alternate(ways: dict[str, Callable[[], Any]], runtime: Runtime, seconds: float) -> dict[str, float]:
    """Return the median seconds of every way; they take turns, so a slower machine affects all."""
    alone = runtime.device.type == "cpu" and torch.get_num_threads() == 1
    clock = time.process_time if alone else time.perf_counter  # the first does not count the time of other processes
    taken: dict[str, list[float]] = {way: [] for way in ways}
    started = time.perf_counter()
    while len(taken["apart"]) < 3 or time.perf_counter() - started < seconds * len(ways):
        for way, run in ways.items():
            before = clock()
            run()
            wait_for(runtime.device)
            taken[way].append(clock() - before)
    return {way: statistics.median(values) for way, values in taken.items()}


if __name__ == "__main__":
    main()
