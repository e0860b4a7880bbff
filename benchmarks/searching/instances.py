"""Instances to measure the exact search on: the full Table 1 space, synthetic chains, the tables of a run.

Parameters and multiply-adds of Table 1 are the real ones (closed form, checked against DNA-a). The third resource is a
synthetic latency: 0.02 ns per multiply-add times a factor between 0.6 and 1.4 drawn per candidate, 0.1 ns per parameter,
20 us per path. Scores per block are 0.4 + 0.05 (-r z + sqrt(1 - r^2) e), z the standardised logarithm of the multiply-adds, e
standard normal noise: r is their correlation with cost.
"""

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np

from helixnas.artifacts import CostTable, RatingTable
from helixnas.search import Budget, Instance, InstanceBlock, Tables, is_feasible, solve
from helixnas.space import mbconv
from helixnas.space.mbconv import STRIDES, TABLE_1

CORRELATIONS = (0.0, 0.6, 0.9)
OPERATIONS = tuple((kernel, expansion) for expansion in (3, 6) for kernel in (3, 5, 7))
RESOURCES = ("params", "macs", "latency_ns")


def table_1(correlation: float, seed: int) -> Instance:
    """Return the full Table 1 space with its real costs and synthetic scores."""
    rng = np.random.default_rng([seed, int(100 * correlation)])
    blocks = [fixed(3, 16, *stem_costs())]
    before, size = (16,), 112
    for cells, stride in zip(TABLE_1, STRIDES, strict=True):
        parts = [path_costs(width, cells, size, stride) for width in before]
        costs = np.concatenate([costs for _, costs, _ in parts])
        slots, rows = np.concatenate([slots for _, _, slots in parts]), len(parts[0][0])
        logarithm = np.log(costs[:, 1])
        z = (logarithm - logarithm.mean()) / logarithm.std()
        noise = rng.standard_normal(len(z))
        latency = 0.02 * costs[:, 1] * rng.uniform(0.6, 1.4, len(z)) + 0.1 * costs[:, 0] + 20_000
        blocks.append(
            InstanceBlock.from_floats(
                width_in=np.repeat(before, rows),
                width_out=np.concatenate([widths for widths, _, _ in parts]),
                score=0.4 + 0.05 * (-correlation * z + np.sqrt(1 - correlation**2) * noise),
                costs={"params": costs[:, 0], "macs": costs[:, 1], "latency_ns": latency},
                resources=RESOURCES,
                order=np.tile(np.arange(rows), len(before)),
                slots=slots,
            )
        )
        before, size = tuple(sorted({width for _, width in cells})), -(-size // stride)
    params, macs = 320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000, 320 * 1280 * size * size + 1280 * 1000
    return Instance(blocks=(*blocks, fixed(320, 1000, params, macs)), resources=RESOURCES)


def path_costs(
    width_in: int, cells: tuple[tuple[int, int], ...], size: int, stride: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return width, (parameters, multiply-adds) and layer codes of every path of a block that receives `width_in`."""
    deepest = max(depth for depth, _ in cells)
    widths, costs, slots = [], [], []
    for number, (depth, width) in enumerate(cells):
        first = np.array([layer_costs(operation, width_in, width, size, stride) for operation in OPERATIONS])
        later = np.array([layer_costs(operation, width, width, -(-size // stride), 1) for operation in OPERATIONS])
        chosen = np.array(list(itertools.product(range(len(OPERATIONS)), repeat=depth)))
        costs.append(first[chosen[:, 0]] + later[chosen[:, 1:]].sum(axis=1))
        widths.append(np.full(len(chosen), width))
        codes = np.full((len(chosen), deepest), -1)
        codes[:, :depth] = chosen + number * len(OPERATIONS)
        slots.append(codes)
    return np.concatenate(widths), np.concatenate(costs), np.concatenate(slots)


def layer_costs(operation: tuple[int, int], width_in: int, width: int, size: int, stride: int) -> tuple[int, int]:
    """Return parameters and multiply-adds of one MBConv with squeeze-excite on a `size` x `size` input."""
    kernel, expansion = operation
    hidden, squeezed, out = width_in * expansion, width_in // 4, -(-size // stride)
    params = width_in * hidden + 2 * hidden + hidden * kernel**2 + 2 * hidden
    params += hidden * squeezed + squeezed + squeezed * hidden + hidden + hidden * width + 2 * width
    macs = width_in * hidden * size**2 + hidden * kernel**2 * out**2 + 2 * hidden * squeezed + hidden * width * out**2
    return params, macs


def stem_costs() -> tuple[int, int]:
    """Return the costs of the 3x3 convolution and the depthwise-separable layer before block 1."""
    params = 3 * 32 * 9 + 64 + 32 * 9 + 64 + 32 * 8 + 8 + 8 * 32 + 32 + 32 * 16 + 32
    return params, (3 * 32 * 9 + 32 * 9 + 32 * 16) * 112**2 + 2 * 32 * 8


def fixed(width_in: int, width_out: int, params: int, macs: int) -> InstanceBlock:
    """Return a block with one candidate."""
    one = np.array([1])
    costs = np.array([[params, macs, macs // 50]])
    return InstanceBlock(width_in=one * width_in, width_out=one * width_out, score=one * 0, costs=costs, order=one)


def check_costs() -> None:
    """Check the closed form against the published DNA-a and the size of the space."""
    instance = table_1(0.0, 0)
    assert instance.size == mbconv().size == 195_898_498_887_057_408
    paths = ("53 33 36", "33 33 53 36", "76 33 53 36", "56 53 53 56", "56 53 53 53 56", "36")
    widths, width, size = (24, 40, 80, 96, 160, 320), 16, 112
    total = np.array(stem_costs()) + np.array(
        [320 * 1280 + 2 * 1280 + 1280 * 1000 + 1000, 320 * 1280 * 49 + 1280 * 1000]
    )
    for path, width_out, stride in zip(paths, widths, STRIDES, strict=True):
        for number, (kernel, expansion) in enumerate(path.split()):
            step = stride if number == 0 else 1
            total += layer_costs((int(kernel), int(expansion)), width, width_out, size, step)
            width, size = width_out, -(-size // step)
    assert tuple(total) == (4_243_318, 335_141_728), tuple(total)


def run_tables(folder: Path) -> Tables:
    """Return the tables of a finished run."""
    number = len(list((folder / "ratings").glob("block-*.parquet")))
    ratings = tuple(RatingTable.load(folder / "ratings" / f"block-{k}.parquet") for k in range(1, number + 1))
    costs, latency = CostTable.load(folder / "costs.parquet"), folder / "costs" / "latency.parquet"
    return Tables(ratings=ratings, costs=costs.joined(CostTable.load(latency)) if latency.is_file() else costs)


def run_instance(folder: Path) -> Instance:
    """Return the instance of a finished run over all counted resources, macs first."""
    tables = run_tables(folder)
    return tables.instance(("macs", *(name for name in tables.costs.resources if name != "macs")))


def synthetic(blocks: int, rows: int) -> Instance:
    """Return blocks of two widths whose costs spread like products of layers."""
    rng = np.random.default_rng([blocks, rows])
    made = []
    for number in range(blocks):
        costs = np.exp(rng.normal(15, 0.5, (rows, 2)))
        z = (np.log(costs[:, 1]) - 15) / 0.5
        made.append(
            InstanceBlock.from_floats(
                width_in=np.full(rows, 8) if number == 0 else rng.choice([8, 16], rows),
                width_out=np.full(rows, 8) if number == blocks - 1 else rng.choice([8, 16], rows),
                score=0.4 + 0.05 * (-0.6 * z + 0.8 * rng.standard_normal(rows)),
                costs={"params": costs[:, 0], "macs": costs[:, 1]},
                resources=("params", "macs"),
            )
        )
    return Instance(blocks=tuple(made), resources=("params", "macs"))


def halfway(instance: Instance, number: int) -> Budget:
    """Return budgets at 70 % of the costs of the best architecture without limits."""
    free = solve(instance, Budget()).best().costs
    return Budget(upper={name: int(0.7 * free[name]) for name in ("macs", "params")[:number]})


def budgets(instance: Instance, resources: int, *, number: int) -> list[Budget]:
    """Return feasible budgets on the first so many resources (macs first).

    A limit lies between 20 % and 90 % of the way from the least there is to what the best one without limits costs.
    """
    free = solve(instance, Budget()).best().costs
    names = sorted(instance.resources, key=lambda name: name != "macs")[:resources]
    least = {name: solve(instance, Budget(), front_over=[name]).front[-1].costs[name] for name in names}
    rng = np.random.default_rng(resources)
    found: list[Budget] = []
    while len(found) < number:
        shares = rng.uniform(0.2, 0.9, resources)
        limits = {n: least[n] + int(share * (free[n] - least[n])) for n, share in zip(names, shares, strict=True)}
        if is_feasible(instance, Budget(upper=limits)):
            found.append(Budget(upper=limits))
    return found


def first_blocks(instance: Instance, number: int) -> Instance:
    """Return the chain of the first blocks."""
    return replace(instance, blocks=instance.blocks[:number])


def rebuilt(instance: Instance) -> Instance:
    """Build the instance again from its arrays, checks included."""
    return replace(instance, blocks=tuple(replace(block) for block in instance.blocks))
