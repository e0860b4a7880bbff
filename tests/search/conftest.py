"""Random instances, small enough to enumerate, that hold every case at once: ties, several widths, dead ends."""

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from helixnas.search import Budget, Instance, InstanceBlock

Draw = Callable[[int], tuple[Instance, Budget]]


def draw(seed: int) -> tuple[Instance, Budget]:
    """Return an instance of 1 to 6 blocks and a budget on 0 to 3 resources, from a seed."""
    rng = np.random.default_rng(seed)
    num_blocks, num_resources = int(rng.integers(1, 7)), int(rng.integers(1, 4))
    most_rows = {1: 40, 2: 25, 3: 10, 4: 6, 5: 4, 6: 4}[num_blocks]
    widths = [np.array([8])]
    widths += [rng.choice([8, 16, 24], size=rng.integers(1, 4), replace=False) for _ in range(num_blocks)]
    blocks = tuple(
        draw_block(rng, widths[number], widths[number + 1], most_rows, num_resources) for number in range(num_blocks)
    )
    resources = ("params", "macs", "memory")[:num_resources]
    combine = tuple("max" if rng.random() < 0.25 else "sum" for _ in resources)
    instance = Instance(blocks=blocks, resources=resources, combine=combine)
    upper: dict[str, int] = {}
    lower: dict[str, int] = {}
    for column, name in enumerate(resources):
        reach = [(int(block.costs[:, column].min()), int(block.costs[:, column].max())) for block in blocks]
        total = sum if combine[column] == "sum" else max
        least, most = total(low for low, _ in reach), total(high for _, high in reach)
        if rng.random() < 0.6:
            upper[name] = max(0, int(least + rng.uniform(-0.1, 1) * (most - least + 1)))
        if rng.random() < 0.25:
            lower[name] = int(least + rng.uniform(0, 0.7) * (most - least + 1))
    return instance, Budget(upper=upper, lower=lower)


def draw_block(
    rng: np.random.Generator, before: np.ndarray, after: np.ndarray, most_rows: int, num_resources: int
) -> InstanceBlock:
    """Return a block whose candidates take some widths of `before`, and sometimes one that nothing gives."""
    rows = int(rng.integers(1, most_rows + 1))
    width_in = rng.choice(np.append(before, 99) if rng.random() < 0.1 else before, size=rows)
    scale = int(rng.choice([3, 30, 10**9]))
    cost_scale = int(rng.choice([2, 8, 10**6]))
    costs = rng.integers(0, cost_scale, (rows, num_resources))
    if rng.random() < 0.2:
        costs[:] = costs[0]
    return InstanceBlock(
        width_in=width_in,
        width_out=rng.choice(after, size=rows),
        score=rng.integers(-scale if rng.random() < 0.1 else 0, scale, rows),
        costs=costs,
        order=rng.permutation(rows),
        labels=[f"c{row}" for row in range(rows)],
        slots=rng.integers(-1, 3, (rows, 2)),
    )


@pytest.fixture
def draw_instance() -> Draw:
    return draw


def make_table_1(seed: int) -> Instance:
    """Return an instance of the size and widths of Table 1, with random costs that grow along a path."""
    rng = np.random.default_rng(seed)
    cells = (
        ((16, 1),),
        ((24, 36), (24, 216), (32, 36)),
        ((40, 36), (40, 216), (40, 1296)),
        ((80, 36), (80, 216), (80, 1296)),
        ((112, 216), (112, 1296), (96, 1296)),
        ((192, 1296), (192, 7776), (160, 7776)),
        ((320, 6),),
        ((1280, 1),),
    )
    blocks: list[InstanceBlock] = []
    before = [3]
    for block in cells:
        rows = sum(number for _, number in block)
        width_out = np.concatenate([np.full(number, width) for width, number in block])
        costs = rng.integers(1_000, 100_000, (rows * len(before), 3)) * np.array([1, 97, 31])
        noise = rng.normal(0, 0.05, rows * len(before))
        blocks.append(
            InstanceBlock(
                width_in=np.repeat(before, rows),
                width_out=np.tile(width_out, len(before)),
                score=np.rint((0.4 + noise - 4e-7 * costs[:, 0]) * 1e12).astype(np.int64),
                costs=costs,
                order=np.tile(np.arange(rows), len(before)),
            )
        )
        before = sorted({width for width, _ in block})
    return Instance(blocks=tuple(blocks), resources=("params", "macs", "latency_ns"))


@pytest.fixture
def table_1() -> Callable[[int], Instance]:
    return make_table_1


@pytest.fixture
def wide_instance() -> Instance:
    """Return an instance of 5 blocks, 30 candidates per width, that is too large to enumerate."""
    rng = np.random.default_rng(3)
    widths = ((8,), (8, 16), (8, 16), (8,), (8, 16), (8,))
    blocks = []
    for before, after in pairwise(widths):
        blocks.append(
            InstanceBlock(
                width_in=np.repeat(before, 30),
                width_out=rng.choice(after, 30 * len(before)),
                score=rng.integers(0, 10**6, 30 * len(before)),
                costs=rng.integers(0, 400, (30 * len(before), 2)),
                order=np.arange(30 * len(before)),
            )
        )
    return Instance(blocks=tuple(blocks), resources=("params", "macs"))
