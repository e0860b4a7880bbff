"""The measurements: each yields names of rows with the work that fills them, so that an interrupted benchmark resumes."""

import itertools
import multiprocessing
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from helixnas.errors import ConfigError
from helixnas.search import (
    Budget,
    Instance,
    pareto_front,
    parse_limits,
    solve,
    solve_diverse,
    solve_milp,
)
from helixnas.search.check.milp import score_spread
from helixnas.search.check.verify import agrees
from helixnas.search.reference.references import search_by_evolution, search_greedily, search_randomly, traverse
from searching.instances import (
    CORRELATIONS,
    budgets,
    first_blocks,
    halfway,
    rebuilt,
    run_instance,
    run_tables,
    synthetic,
    table_1,
)

Row = Mapping[str, Any]
Work = Iterator[tuple[str, Callable[[], Row]]]
"""Names of rows, each with the function that measures it."""

REPEATS, HIGHS_REPEATS = 9, 3
LIMIT_S = 60.0
"""Of Algorithm 2."""


def one_budget(seeds: int) -> Work:
    """One limit on macs: build, optimum and front together; HiGHS for the optimum alone."""
    for r, seed, place in itertools.product(CORRELATIONS, range(seeds), range(2)):
        yield f"r {r}, scores {seed}, budget {place}", partial(_one_budget, table_1, (r, seed), place)


def many_budgets(seeds: int) -> Work:
    """Two and three limits, and two with a lower one: proven optimum; HiGHS for the same."""
    for r, seed, number, place in itertools.product(CORRELATIONS, range(seeds), (2, 3), range(2)):
        yield f"r {r}, scores {seed}, {number} budgets, {place}", partial(_many, table_1, (r, seed), number, place)
    for r, seed in itertools.product(CORRELATIONS, range(seeds)):
        yield f"r {r}, scores {seed}, two budgets and a lower one", partial(_with_lower, r, seed)


def fronts(seeds: int) -> Work:
    """Fronts without limits over two and three resources, each in a process of its own, for its peak memory."""
    for r, seed, number in itertools.product(CORRELATIONS, range(seeds), (1, 2, 3)):
        yield f"r {r}, scores {seed}, {number} resources", partial(_alone, _front, r, seed, number)


def reasons(seeds: int) -> Work:
    """Budgets that no network meets: the proof, and the reason with the least common factor."""
    for r, seed, share in itertools.product(CORRELATIONS, range(seeds), (0.3, 0.95)):
        yield f"r {r}, scores {seed}, {share:.0%} of the least that fits", partial(_reason, r, seed, share)


def growth(seeds: int) -> Work:
    """Synthetic blocks of two widths (r = 0.6): time against candidates per block, and against blocks."""
    del seeds
    sizes = [(6, 10**power) for power in range(2, 7)] + [(blocks, 1_000) for blocks in (2, 4, 8, 16, 32, 64)]
    for blocks, rows in sizes:
        yield f"{blocks} blocks of {rows:,}", partial(_growth, blocks, rows)


def algorithm_2(seeds: int) -> Work:
    """The paper's traversal, on the whole space and on its first blocks, which it can finish."""
    for r, seed, blocks in itertools.product(CORRELATIONS, range(min(2, seeds)), (3, 4, 8)):
        what = "whole space" if blocks == 8 else f"stem and {blocks - 1} blocks"
        yield f"r {r}, scores {seed}, {what}", partial(_algorithm_2, r, seed, blocks)


def quality(seeds: int) -> Work:
    """How far other methods miss the optimum, in standard deviations of the scores of random architectures."""
    for r, seed, number in itertools.product(CORRELATIONS, range(seeds), (1, 2, 3)):
        yield f"r {r}, scores {seed}, {number} budgets", partial(_quality, table_1, (r, seed), number)


def run_rows(folder: Path) -> Work:
    """The real tables of a finished run: the spread of its scores, and the same measurements."""
    yield "scores", partial(_scores, folder)
    for place in range(3):
        yield f"one budget, {place}", partial(_one_budget, run_instance, (folder,), place)
        yield f"two budgets, {place}", partial(_many, run_instance, (folder,), 2, place)
    yield "other methods, two budgets", partial(_quality, run_instance, (folder,), 2)


def _one_budget(make: Callable[..., Instance], of: tuple[Any, ...], place: int) -> Row:
    instance = make(*of)
    budget = budgets(instance, 1, number=place + 1)[place]
    best = solve(instance, budget)

    def everything() -> int:
        return len(solve(rebuilt(instance), budget).front)

    optimum, highs = _median_ms(lambda: solve(instance, budget)), _highs_ms(instance, budget, best.best().score)
    return {
        "architectures": instance.size,
        "build_ms": _median_ms(lambda: rebuilt(instance)),
        "optimum_ms": optimum,
        "front": len(best.front),
        "all_ms": _median_ms(everything),
        "highs_ms": highs,
        "ratio": highs / optimum,
    }


def _many(make: Callable[..., Instance], of: tuple[Any, ...], number: int, place: int) -> Row:
    instance = make(*of)
    return _optimum(instance, budgets(instance, number, number=place + 1)[place])


def _with_lower(r: float, seed: int) -> Row:
    instance = table_1(r, seed)
    (budget,) = budgets(instance, 2, number=1)
    slow = solve(instance, budget).best().costs["latency_ns"]
    return _optimum(instance, Budget(upper=budget.upper, lower={"latency_ns": int(1.02 * slow)}))


def _optimum(instance: Instance, budget: Budget) -> Row:
    best = solve(instance, budget)
    optimum, highs = _median_ms(lambda: solve(instance, budget)), _highs_ms(instance, budget, best.best().score)
    return {
        "status": best.status,
        "optimum_ms": optimum,
        "levels": best.pruning.num_levels,
        "partials": best.pruning.num_partials,
        "highs_ms": highs,
        "ratio": highs / optimum,
        "eleven_ms": _median_ms(lambda: solve(instance, budget, num_best=11), 3),
        "diverse_ms": _median_ms(lambda: solve_diverse(instance, budget, num_answers=8, min_distance=4), 1),
    }


def _alone(work: Callable[..., Row], *of: Any) -> Row:
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *of).result()


def _front(r: float, seed: int, number: int) -> Row:
    instance = table_1(r, seed)
    names, resolution, refused = ("macs", "params", "latency_ns")[:number], {}, ""
    started = time.perf_counter()
    try:
        front = pareto_front(instance, Budget(), names)
    except ConfigError as error:
        refused = str(error)
        steps = dict(word.split("=") for word in refused.rpartition("resolution ")[2].removesuffix(" fits").split(", "))
        resolution = parse_limits(steps, known=dict.fromkeys(names), option="resolution")
        started = time.perf_counter()
        front = pareto_front(instance, Budget(), names, resolution=resolution)
    seconds = time.perf_counter() - started
    return {"points": len(front), "s": seconds, "peak_gib": _peak_gib(), "resolution": resolution, "refused": refused}


def _peak_gib() -> float:
    """Return the peak memory of this process; `getrusage` would include that of its parent."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**20


def _reason(r: float, seed: int, share: float) -> Row:
    instance = table_1(r, seed)
    free = solve(instance, Budget()).best().costs
    why = solve(instance, Budget(upper={name: cost // 10 for name, cost in free.items()})).infeasibility
    assert why is not None
    budget = Budget(upper={name: int(share * limit) for name, limit in why.needed.items()})
    result = solve(instance, budget)
    assert result.infeasibility is not None
    proof = _median_ms(lambda: solve(instance, budget))
    both = _median_ms(lambda: solve(instance, budget).infeasibility, 3)
    factor = result.infeasibility.factor
    return {"proof_ms": proof, "reason_ms": both, "factor": None if factor is None else float(factor)}


def _growth(blocks: int, rows: int) -> Row:
    instance = synthetic(blocks, rows)
    one, two = halfway(instance, 1), halfway(instance, 2)
    repeats = 3 if rows < 10**6 else 1
    started = time.perf_counter()
    front = pareto_front(instance, one, ["macs"])
    front_ms = 1e3 * (time.perf_counter() - started)
    return {
        "blocks": blocks,
        "candidates": rows,
        "optimum_ms": _median_ms(lambda: solve(instance, one), repeats),
        "two_ms": _median_ms(lambda: solve(instance, two), repeats),
        "front_ms": front_ms,
        "front": len(front),
    }


def _algorithm_2(r: float, seed: int, blocks: int) -> Row:
    part = first_blocks(table_1(r, seed), blocks)
    (budget,) = budgets(part, 1, number=1)
    best = solve(part, budget).best()
    optimum = _median_ms(lambda: solve(part, budget))
    found = traverse(part, budget, time_limit_s=LIMIT_S)
    return {
        "architectures": part.size,
        "finished": found.finished,
        "s": found.seconds,
        "excess": None if found.answer is None else (found.answer.score - best.score) * 1e-12,
        "optimum_ms": optimum,
        "ratio": 1e3 * found.seconds / optimum,
    }


def _quality(make: Callable[..., Instance], of: tuple[Any, ...], number: int) -> Row:
    instance = make(*of)
    unit = float(np.sqrt(sum(float(np.var(block.score)) for block in instance.blocks)))
    (budget,) = budgets(instance, number, number=1)
    best = solve(instance, budget).best().score
    found = (
        search_greedily(instance, budget),
        search_randomly(instance, budget, num_architectures=10_000, seed=0),
        search_by_evolution(instance, budget, num_architectures=10_000, seed=0),
        traverse(instance, budget, time_limit_s=10.0),
    )
    return {other.method: None if other.answer is None else (other.answer.score - best) / unit for other in found}


def _scores(folder: Path) -> Row:
    """Spread, confidence and correlation with cost of the scores: per block, over its paths."""
    tables = run_tables(folder)
    blocks: list[dict[str, float]] = []
    for number, table in enumerate(tables.ratings, start=1):
        score, batches = table.mean(), table.batches()
        macs = tables.costs.resource("macs")[tables.costs.rows(number)]
        rank = float(spearmanr(score, macs).statistic)
        row = {"paths": len(table), "spread": float(score.std()), "rank": rank}
        if batches.shape[1] > 1:
            noise = np.std(batches - batches.mean(axis=0), axis=1, ddof=1) / np.sqrt(batches.shape[1])
            row["noise"] = float(np.median(noise))
        blocks.append(row)
    return {"architectures": run_instance(folder).size, "blocks": blocks}


def _highs_ms(instance: Instance, budget: Budget, score: int) -> float:
    """Return HiGHS's median time for the optimum, which must agree to 1e-6 of the spread of scores."""
    spread = score_spread(instance)
    times = []
    for _ in range(HIGHS_REPEATS):
        answer = solve_milp(instance, budget, time_limit_s=300.0)
        if answer.status != "optimal" or answer.score is None or not agrees(score, answer.score, spread):
            raise AssertionError(f"HiGHS finds {answer}, the exact search {score}")
        times.append(1e3 * answer.seconds)
    return statistics.median(times)


def _median_ms(work: Callable[[], object], repeats: int | None = None) -> float:
    times = []
    for _ in range(min(REPEATS, repeats or REPEATS)):
        started = time.perf_counter()
        work()
        times.append(1e3 * (time.perf_counter() - started))
    return statistics.median(times)
