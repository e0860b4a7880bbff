"""Small rated spaces with benchmarks, and NAS-Bench-Macro where it is at hand."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts import CostTable, RatingTable
from helixnas.lab import Benchmark, load_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.search import Tables
from helixnas.space import Architecture, SearchSpace, macro

SMALL = macro(name="small", widths=(4, 8), depths=(2, 2), stem_width=4, head_width=16)
"""(3 + 6) x (3 + 6) = 81 networks."""


def made_tables(space: SearchSpace, scores: Sequence[str] = ("relative_l1",), seed: int = 0) -> Tables:
    """Return random scores of every path, and costs that grow with its layers."""
    rng = np.random.default_rng(seed)
    ratings, previous = list[RatingTable](), (space.stem_width,)
    block, received, path, width, macs = [0], [3], [""], [space.stem_width], [10]
    for number, each in enumerate(space.blocks, start=1):
        rows = [(before, candidate) for before in previous for candidate in each.paths()]
        ratings.append(
            RatingTable(
                block=number,
                previous_width=np.array([before for before, _ in rows]),
                path=tuple(candidate.text for _, candidate in rows),
                width=np.array([candidate.width for _, candidate in rows]),
                batch_sizes=np.array([8, 8]),
                scores={name: rng.uniform(0.4, 0.6, (len(rows), 2)) for name in scores},
            )
        )
        block += [number] * len(rows)
        received += [before for before, _ in rows]
        path += [candidate.text for _, candidate in rows]
        width += [candidate.width for _, candidate in rows]
        macs += [int(rng.integers(10, 20)) * candidate.depth for _, candidate in rows]
        previous = each.widths
    block += [len(space.blocks) + 1] * len(previous)
    received += list(previous)
    path += [""] * len(previous)
    width += [10] * len(previous)
    macs += [5] * len(previous)
    amounts = np.array(macs)
    costs = CostTable(
        block=np.array(block),
        previous_width=np.array(received),
        path=tuple(path),
        width=np.array(width),
        resources={"params": amounts * 3, "macs": amounts},
        facts={"image_size": 8},
    )
    return Tables(ratings=tuple(ratings), costs=costs)


def all_of(space: SearchSpace) -> list[Architecture]:
    """Return every network of a space."""
    paths = [()]
    for block in space.blocks:
        paths = [(*before, path) for before in paths for path in block.paths()]
    return [space.architecture(chosen) for chosen in paths]


def made_benchmark(
    space: SearchSpace, architectures: Sequence[Architecture], accuracy: Callable[[Architecture], Sequence[float]]
) -> Benchmark:
    """Return a benchmark in which a function tells every network's accuracies."""
    networks = tuple(TrainedNetwork(architecture=each, accuracy=tuple(accuracy(each))) for each in architectures)
    return Benchmark(name="made", space=space, networks=networks)


@pytest.fixture(scope="session")
def small() -> SearchSpace:
    """A space of 81 networks."""
    return SMALL


@pytest.fixture(scope="session")
def every_network(small: SearchSpace) -> list[Architecture]:
    return all_of(small)


@pytest.fixture(scope="session")
def tables() -> Callable[..., Tables]:
    return made_tables


@pytest.fixture(scope="session")
def benchmark_of() -> Callable[..., Benchmark]:
    return made_benchmark


@pytest.fixture(scope="session")
def nas_bench_macro() -> Benchmark:
    """NAS-Bench-Macro, or a skip where it is not at hand."""
    root = os.environ.get("HELIXNAS_DATA")
    file = Path(root or "") / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
    if not root or not file.is_file():
        pytest.skip("NAS-Bench-Macro is not here: HELIXNAS_DATA names no folder with nas-bench-macro")
    return load_benchmark(file)
