"""The exact search on the full Table 1 space (196 quadrillion architectures): time, ratios, growth, what exactness buys.

Parameters and multiply-adds are the real ones (closed form, checked against DNA-a). The third resource is a made-up
latency: 0.02 ns per multiply-add times a factor between 0.6 and 1.4 drawn per candidate, 0.1 ns per parameter, 20 us per
path. Scores per block are 0.4 + 0.05 (-r z + sqrt(1 - r^2) e), z the standardised logarithm of the multiply-adds, e
standard normal noise, for r = 0, 0.6 and 0.9. Budgets are shares, drawn between 55 % and 95 %, of what the best
architecture without limits costs.

    python benchmarks/search.py                  # everything, about a quarter of an hour
    python benchmarks/search.py one many         # some parts: one many front growth alg2 quality
    python benchmarks/search.py --run runs/mine  # the real tables of a finished run
"""

import argparse
import itertools
import resource
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from helixnas.search import (
    Budget,
    Instance,
    InstanceBlock,
    Tables,
    compare_methods,
    pareto_front,
    solve,
    solve_diverse,
    solve_milp,
)
from helixnas.search.references import traverse
from helixnas.space import mbconv
from helixnas.space.mbconv import STRIDES, TABLE_1

CORRELATIONS = (0.0, 0.6, 0.9)
OPERATIONS = tuple((kernel, expansion) for expansion in (3, 6) for kernel in (3, 5, 7))
RESOURCES = ("params", "macs", "latency_ns")
REPEATS = 9


def main() -> None:
    """Print the tables of the parts asked for."""
    parts: dict[str, Callable[[Callable[[], Iterator[tuple[str, Instance]]]], None]] = {
        "one": one_budget,
        "many": many_budgets,
        "front": three_resource_front,
        "growth": growth,
        "alg2": algorithm_2,
        "quality": quality,
    }
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", choices=list(parts), help="left out: all")
    parser.add_argument("--run", type=Path, help="folder of a finished run, instead of the full space")
    options = parser.parse_args()
    check_costs()

    def instances() -> Iterator[tuple[str, Instance]]:
        if options.run is not None:
            yield options.run.name, run_instance(options.run)
            return
        for correlation, seed in itertools.product(CORRELATIONS, range(2)):
            yield f"r = {correlation}, seed {seed}", table_1(correlation, seed)

    for name in options.part or parts:
        started = time.perf_counter()
        parts[name](instances)
        print(f"({name}: {time.perf_counter() - started:.0f} s)\n", flush=True)


def one_budget(instances: Callable[[], Iterator[tuple[str, Instance]]]) -> None:
    """Optimum and complete front under one budget, the instance built from arrays each time; against HiGHS."""
    print("## One budget (macs): build + optimum + complete front; HiGHS for the optimum alone")
    print("| instance | architectures | front | build, ms | optimum, ms | front, ms | all, ms | HiGHS, ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    everything, ratios = [], []
    for name, instance in instances():
        for budget in budgets(instance, 1, number=2):
            best = solve(instance, budget)
            build = median_ms(lambda instance=instance: rebuilt(instance))
            optimum = median_ms(lambda instance=instance, budget=budget: solve(instance, budget))
            front = median_ms(lambda instance=instance, budget=budget: pareto_front(instance, budget, ["macs"]))
            highs = highs_ms(instance, budget, best.best().score)
            everything.append(build + optimum + front)
            ratios.append(highs / optimum)
            print(
                f"| {name} | {instance.size:.2e} | {len(best.front):,} | {build:.1f} | {optimum:.1f} | {front:.1f} | "
                f"{build + optimum + front:.1f} | {highs:.0f} | {highs / optimum:.0f} |"
            )
    print(f"median {statistics.median(everything):.1f} ms, worst {max(everything):.1f} ms; {spread(ratios)}")


def many_budgets(instances: Callable[[], Iterator[tuple[str, Instance]]]) -> None:
    """Proven optimum under two and three budgets, the ten best, eight diverse answers; against HiGHS."""
    print("## Two and three budgets: proven optimum; HiGHS for the same")
    print("| instance | budgets | optimum, ms | levels | HiGHS, ms | ratio | 11 best, ms | 8 diverse, ms |")
    print("|---|---|---|---|---|---|---|---|")
    ratios: dict[int, list[float]] = {}
    for name, instance in instances():
        for number in range(2, 1 + min(3, len(instance.resources))):
            for budget in budgets(instance, number, number=2):
                best = solve(instance, budget)
                assert best.status == "optimal"
                optimum = median_ms(lambda instance=instance, budget=budget: solve(instance, budget))
                eleven = median_ms(lambda i=instance, b=budget: solve(i, b, num_best=11), 3)
                apart = median_ms(lambda i=instance, b=budget: solve_diverse(i, b, num_answers=8, min_distance=4), 1)
                highs = highs_ms(instance, budget, best.best().score)
                ratios.setdefault(number, []).append(highs / optimum)
                print(
                    f"| {name} | {number} | {optimum:.1f} | {best.pruning.num_levels} | {highs:.0f} | "
                    f"{highs / optimum:.0f} | {eleven:.0f} | {apart:.0f} |"
                )
    for number, values in ratios.items():
        print(f"{number} budgets: {spread(values)}")


def three_resource_front(instances: Callable[[], Iterator[tuple[str, Instance]]]) -> None:
    """Size, time and memory of the fronts over two and three resources without limits."""
    print("## Fronts without limits")
    print(
        "| instance | two resources, points | s | three resources, points | s | peak memory of the process so far, GiB |"
    )
    print("|---|---|---|---|---|---|")
    for name, instance in instances():
        cells = []
        for number in range(2, 1 + min(3, len(instance.resources))):
            started = time.perf_counter()
            front = pareto_front(instance, Budget(), instance.resources[:number])
            cells += [f"{len(front):,}", f"{time.perf_counter() - started:.2f}"]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"| {name} | {' | '.join(cells)} | {peak:.2f} |", flush=True)


def growth(instances: Callable[[], Iterator[tuple[str, Instance]]]) -> None:
    """Time against candidates per block and against the number of blocks."""
    del instances
    print("## Growth: synthetic blocks of two widths, one budget at half way between least and most (r = 0.6)")
    print("| blocks | candidates per block | optimum, ms | two budgets, ms | front, ms | front, points |")
    print("|---|---|---|---|---|---|")
    sizes = [(6, 10**power) for power in range(2, 7)] + [(blocks, 1_000) for blocks in (2, 4, 8, 16, 32, 64)]
    points: list[tuple[int, int, float]] = []
    for blocks, rows in sizes:
        instance = synthetic(blocks, rows)
        one, two = halfway(instance, 1), halfway(instance, 2)
        repeats = 3 if rows < 10**6 else 1
        optimum = median_ms(lambda i=instance, b=one: solve(i, b), repeats)
        both = median_ms(lambda i=instance, b=two: solve(i, b), repeats)
        started = time.perf_counter()
        front = pareto_front(instance, one, ["macs"])
        seconds = time.perf_counter() - started
        points.append((blocks, rows, optimum))
        print(
            f"| {blocks} | {rows:,} | {optimum:.1f} | {both:.1f} | {1e3 * seconds:.1f} | {len(front):,} |", flush=True
        )
    for text, chosen in (("candidates (from 10^4)", points[2:5]), ("blocks (from 8)", points[7:])):
        x = [rows if "candidates" in text else blocks for blocks, rows, _ in chosen]
        slope = np.polyfit(np.log(x), np.log([ms for *_, ms in chosen]), 1)[0]
        print(f"time of the optimum grows as the number of {text} to the power {slope:.2f}")


def algorithm_2(instances: Callable[[], Iterator[tuple[str, Instance]]]) -> None:
    """The paper's traversal with 60 s: on the full space, and on its first blocks alone, where it can finish."""
    print("## Algorithm 2 as printed, 60 s limit")
    print(
        "| instance | architectures | finished | its time, s | its score above the optimum | exact search, ms | ratio |"
    )
    print("|---|---|---|---|---|---|---|")
    finished, ratios = [], []
    for name, instance in instances():
        if "seed 1" in name:
            continue
        for blocks in (3, 4, len(instance.blocks)):
            part = first_blocks(instance, blocks)
            budget = next(iter(budgets(part, 1, number=1)))
            best = solve(part, budget).best()
            mine = median_ms(lambda part=part, budget=budget: solve(part, budget))
            found = traverse(part, budget, time_limit_s=60.0)
            behind = "nothing" if found.answer is None else f"{(found.answer.score - best.score) * 1e-12:.4f}"
            finished.append(found.finished)
            ratios.append(1e3 * found.seconds / mine)
            print(
                f"| {name}, {blocks} blocks | {part.size:.1e} | {'yes' if found.finished else 'no'} | "
                f"{found.seconds:.1f} | {behind} | {mine:.1f} | {'' if found.finished else '> '}{ratios[-1]:.0f} |",
                flush=True,
            )
    print(f"finished {sum(finished)} of {len(finished)}")


def quality(instances: Callable[[], Iterator[tuple[str, Instance]]]) -> None:
    """What the other methods miss by, in standard deviations of the score of random architectures."""
    print("## What exactness buys: distance from the optimum, in spreads of the score of random architectures")
    print("| instance | budgets | greedy | random, 10,000 | evolutionary, 10,000 | Algorithm 2, 10 s |")
    print("|---|---|---|---|---|---|")
    for name, instance in instances():
        spreads = [float(np.std(block.score)) for block in instance.blocks]
        unit = float(np.sqrt(np.sum(np.square(spreads))))
        for number in range(1, 1 + min(3, len(instance.resources))):
            budget = next(iter(budgets(instance, number, number=1)))
            best = solve(instance, budget).best().score
            found = compare_methods(instance, budget, seed=0, num_architectures=10_000, time_limit_s=10.0)[:4]
            cells = ["none" if f.answer is None else f"{(f.answer.score - best) / unit:.2f}" for f in found]
            print(f"| {name} | {number} | {' | '.join(cells)} |", flush=True)


def table_1(correlation: float, seed: int) -> Instance:
    """Return the full Table 1 space with its real costs and made-up scores."""
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
    """Hold the closed form against the published DNA-a and the size of the space."""
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


def run_instance(folder: Path) -> Instance:
    """Return the instance of a finished run over all resources it counted."""
    from helixnas.artifacts import CostTable, RatingTable

    number = len(list((folder / "ratings").glob("block-*.parquet")))
    ratings = tuple(RatingTable.load(folder / "ratings" / f"block-{k}.parquet") for k in range(1, number + 1))
    tables = Tables(ratings=ratings, costs=CostTable.load(folder / "costs.parquet"))
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
    """Return budgets at 70 % of what the best architecture without limits costs."""
    free = solve(instance, Budget()).best().costs
    return Budget(upper={name: int(0.7 * free[name]) for name in ("macs", "params")[:number]})


def budgets(instance: Instance, resources: int, *, number: int) -> Iterator[Budget]:
    """Yield budgets on the first so many resources (macs first) that something meets."""
    free = solve(instance, Budget()).best().costs
    names = sorted(instance.resources, key=lambda name: name != "macs")[:resources]
    rng = np.random.default_rng(resources)
    while number:
        budget = Budget(upper={name: int(free[name] * rng.uniform(0.55, 0.95)) for name in names})
        if solve(instance, budget).answers:
            number -= 1
            yield budget


def first_blocks(instance: Instance, number: int) -> Instance:
    """Return the chain of only the first blocks."""
    return Instance(blocks=instance.blocks[:number], resources=instance.resources)


def rebuilt(instance: Instance) -> Instance:
    """Build the instance again from its arrays."""
    blocks = tuple(
        InstanceBlock(
            width_in=block.width_in,
            width_out=block.width_out,
            score=block.score,
            costs=block.costs,
            order=block.order,
            labels=block.labels,
        )
        for block in instance.blocks
    )
    return Instance(blocks=blocks, resources=instance.resources)


def highs_ms(instance: Instance, budget: Budget, score: int) -> float:
    """Return HiGHS's time for the optimum, which must agree to 1e-6."""
    answer = solve_milp(instance, budget, time_limit_s=300.0)
    assert answer.status != "optimal" or abs(answer.score - score) <= 1e6, (answer.score, score)
    return 1e3 * answer.seconds


def median_ms(work: Callable[[], object], repeats: int = REPEATS) -> float:
    """Return the median time of some repeats in milliseconds."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)


def spread(ratios: list[float]) -> str:
    """Describe ratios against HiGHS."""
    return f"{statistics.median(ratios):.0f} times as fast as HiGHS (from {min(ratios):.0f} to {max(ratios):.0f})"


if __name__ == "__main__":
    main()
