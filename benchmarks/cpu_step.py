"""Forward and backward passes on a CPU: reused memory and composed depthwise gradients against plain torch.

Claim: over the operations of the space of NAS-Bench-Macro at CIFAR size, passes are at least 1.5 times as fast as in
plain float32 eager mode. Each measurement has a process of its own, because memory reuse cannot be switched off again.
The processes of a round run one after the other, so a slower machine affects all of them.
"""

import json
import statistics
import subprocess
import sys
import time

import torch

from helixnas.engine.cpu.allocation import keep_freed_memory
from helixnas.engine.cpu.depthwise import speed_up_depthwise
from helixnas.nn import Place, build_operation
from helixnas.space import Operation, macro

ROUNDS, REPEATS, BATCH, SIZE = 3, 5, 128, 32
VARIANTS = {
    "plain float32": (False, False, False),
    "plain bfloat16": (False, False, True),
    "float32, memory kept": (True, False, False),
    "float32, both": (True, True, False),
    "bfloat16, memory kept": (True, False, True),
    "bfloat16, both": (True, True, True),
}
"""Per variant: whether freed memory is reused, depthwise gradients are composed, and bfloat16 is used."""


def main() -> None:
    """Print the total seconds of all operations per variant, and the ratio to plain float32 in the same round."""
    taken: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for _ in range(ROUNDS):
        for name in VARIANTS:
            done = subprocess.run([sys.executable, __file__, name], capture_output=True, text=True, check=True)
            taken[name].append(json.loads(done.stdout))
    plain = taken["plain float32"]
    for name, seconds in taken.items():
        ratios = [base / own for base, own in zip(plain, seconds, strict=True)]
        print(
            f"{name:22} {statistics.median(seconds):5.2f} s, {statistics.median(ratios):.2f} times as fast "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


def measure(name: str) -> float:
    """Return the median seconds of a forward and backward pass, summed over all operations."""
    keeps, composes, is_bfloat16 = VARIANTS[name]
    if keeps:
        keep_freed_memory()
    total = 0.0
    for operation, place, size in _operations():
        module = build_operation(operation, place).to(memory_format=torch.channels_last).train()  # pyright: ignore[reportCallIssue]
        if composes:
            speed_up_depthwise(module)
        images = torch.randn(BATCH, place.in_width, size, size).contiguous(memory_format=torch.channels_last)
        total += statistics.median([_pass(module, images, is_bfloat16) for _ in range(REPEATS + 2)][2:])
    return total


def _operations() -> list[tuple[Operation, Place, int]]:
    """Return every operation of the first two layers of each block, built for its place, with the side of its input."""
    space, size, found = macro(), SIZE, list[tuple[Operation, Place, int]]()
    previous = space.stem_width
    for block in space.blocks:
        cell = block.cells[-1]
        found += [
            (op, Place(in_width=previous, out_width=cell.width, stride=block.stride), size) for op in cell.layers[0]
        ]
        size = -(-size // block.stride)
        found += [(op, Place(in_width=cell.width, out_width=cell.width, stride=1), size) for op in cell.layers[1]]
        previous = cell.width
    return found


def _pass(module: torch.nn.Module, images: torch.Tensor, is_bfloat16: bool) -> float:
    x = images.detach().requires_grad_()
    module.zero_grad()
    started = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=is_bfloat16):
        y = module(x)
    y.float().square().mean().backward()
    return time.perf_counter() - started


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.stdout.write(json.dumps(measure(sys.argv[1])))
    else:
        main()
