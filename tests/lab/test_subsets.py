"""The parts of a benchmark."""

from collections.abc import Callable

import numpy as np

from helixnas.lab import Benchmark
from helixnas.lab.subsets import subsets
from helixnas.space import Architecture, SearchSpace, channel


def test_the_top_decile_holds_a_tenth_and_whoever_is_level_with_its_last(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Callable[..., Benchmark]
) -> None:
    accuracy = {network: number // 2 / 81 for number, network in enumerate(every_network)}
    benchmark = benchmark_of(small, every_network, lambda network: [accuracy[network]])
    whole, top, *_ = subsets(benchmark, np.arange(81.0))
    assert whole.rows.tolist() == list(range(81))
    assert top.rows.tolist() == list(range(72, 81))
    level = benchmark_of(small, every_network, lambda network: [0.5])
    assert len(subsets(level, np.arange(81.0))[1].rows) == 81


def test_no_identity_means_full_depth_in_every_block(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Callable[..., Benchmark]
) -> None:
    whole = subsets(benchmark_of(small, every_network, lambda network: [0.5]), np.arange(81.0))[2]
    texts = [every_network[row].text for row in whole.rows]
    assert len(texts) == 4 * 4
    assert all("identity" not in text and text.count(",") == 2 for text in texts)


def test_networks_of_equal_size_are_the_middle_tenth(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Callable[..., Benchmark]
) -> None:
    level = subsets(benchmark_of(small, every_network, lambda network: [0.5]), np.arange(81.0)[::-1])[-1]
    assert (level.name, level.rows.tolist()) == ("equal_macs", list(range(36, 45)))


def test_where_all_networks_are_of_full_depth_that_is_no_part(benchmark_of: Callable[..., Benchmark]) -> None:
    space = channel(num_widths=1, largest=(8, 8, 8, 8, 8, 8, 8))
    one = space.sample(np.random.default_rng(0))
    names = [each.name for each in subsets(benchmark_of(space, [one], lambda network: [0.5]), np.ones(1))]
    assert names == ["all", "top_decile", "equal_macs"]


def test_nas_bench_macro_has_256_networks_without_identity(nas_bench_macro: Benchmark) -> None:
    whole, top, full, level = subsets(nas_bench_macro, np.array(nas_bench_macro.cost("macs"), dtype=float))
    assert (len(whole.rows), len(full.rows)) == (6561, 256)
    accuracy = nas_bench_macro.mean_accuracy
    assert 0.09 < len(level.rows) / 6561 < 0.12
    assert len(top.rows) == (accuracy >= np.sort(accuracy)[-657]).sum() >= 657
