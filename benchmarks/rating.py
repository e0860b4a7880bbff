"""Rating with shared prefixes (Alg. 1) against rating each path alone, and against bare forward passes.

Claims, for 6 operations and 4 layers: at least 2.5 times as fast as rating each path alone, with scores equal to 1e-6; and
at most 1.10 times as slow as the bare forward passes of the operations in the tree, the least that rating every path needs.
The three alternate in one process; the ratios are medians over the rounds.
"""

import statistics
import time
from collections.abc import Callable

import torch

from helixnas.engine import Runtime, RuntimeConfig
from helixnas.rating.relative_l1 import mean_absolute_error, spread
from helixnas.rating.tree import rate_cell
from helixnas.space import Cell, mbconv_operation
from helixnas.supernet import SupernetCell

WIDTH, TEACHER, SIZE, BATCH, ROUNDS = 24, 48, 8, 32, 5


def main() -> None:
    """Print the median times and their ratios."""
    torch.manual_seed(0)
    operations = tuple(mbconv_operation(kernel, expansion) for expansion in (3, 6) for kernel in (3, 5, 7))
    runtime = Runtime(RuntimeConfig(device="cpu"))  # memory and its order as in a run
    cell = runtime.place(
        SupernetCell(
            Cell(WIDTH, (operations,) * 4), stride=1, previous_widths=(WIDTH,), teacher_in=TEACHER, teacher_out=TEACHER
        )
    )
    features, target = (runtime.images(torch.randn(BATCH, TEACHER, SIZE, SIZE)) for _ in range(2))
    scale = spread(target)

    def score(prediction: torch.Tensor) -> torch.Tensor:
        return mean_absolute_error(prediction, target) / scale

    def shared() -> torch.Tensor:
        return rate_cell(cell, features, WIDTH, score)

    def alone() -> torch.Tensor:
        with torch.no_grad():
            return torch.stack([score(cell(features, path, WIDTH)) for path in cell.cell.paths()])

    evaluations = _evaluations(cell, features)

    def bare() -> None:
        with torch.no_grad():
            for module, x in evaluations:
                module(x)

    torch.testing.assert_close(shared(), alone(), rtol=1e-6, atol=1e-6)
    work: dict[str, Callable[[], object]] = {"shared": shared, "bare": bare, "alone": alone}
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(ROUNDS):
        for name, rate in work.items():
            started = time.perf_counter()
            rate()
            times[name].append(time.perf_counter() - started)
    ratios = [alone / shared for alone, shared in zip(times["alone"], times["shared"], strict=True)]
    print(f"{cell.cell.num_paths} paths, batch {BATCH}, {SIZE} x {SIZE}, {ROUNDS} rounds")
    print(
        f"shared prefixes {statistics.median(times['shared']):.2f} s, alone {statistics.median(times['alone']):.2f} s"
    )
    print(f"ratio {statistics.median(ratios):.2f} (from {min(ratios):.2f} to {max(ratios):.2f})")
    beside = [shared / bare for shared, bare in zip(times["shared"], times["bare"], strict=True)]
    print(
        f"shared prefixes / their {len(evaluations)} bare forward passes {statistics.median(beside):.3f} "
        f"(from {min(beside):.3f} to {max(beside):.3f})"
    )


def _evaluations(cell: SupernetCell, features: torch.Tensor) -> list[tuple[torch.nn.Module, torch.Tensor]]:
    """Return every module that rating runs, with its input."""
    found: list[tuple[torch.nn.Module, torch.Tensor]] = []

    def run(module: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        found.append((module, x))
        return module(x)

    def descend(layer: int, x: torch.Tensor) -> None:
        if layer == cell.cell.depth:
            run(cell.exit, x)
            return
        for operation in cell.cell.layers[layer]:
            descend(layer + 1, run(cell.operation(layer, operation.name, WIDTH), x))

    with torch.no_grad():
        descend(0, run(cell.entry(WIDTH), features))
    return found


if __name__ == "__main__":
    main()
