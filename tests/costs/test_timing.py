"""Timing goes round and round, can be interrupted between two rounds, and takes medians. No test asserts a time."""

from pathlib import Path

import torch
from torch import nn

from helixnas.costs import EMPTY, CostsConfig, Input, Timing, parts, random_networks, workloads_of
from helixnas.costs import timing as module
from helixnas.costs.timing import Workload
from helixnas.space import SearchSpace

CONFIG = CostsConfig(latency="pytorch-eager", num_rounds=3, num_threads=1)


def job(names: str, folder: Path) -> Timing:
    workloads = [Workload(name=name, build=nn.Identity, shape=(1, 1, 1, 1)) for name in names]
    return Timing(workloads, config=CONFIG, files=folder)


def test_everything_is_timed_once_a_round_and_the_steps_are_counted(tmp_path: Path) -> None:
    timing = job("ab", tmp_path)
    records = list(timing)
    assert [record.done for record in records] == [1, 2, 3, 4, 5]
    assert timing.num_steps == 5
    assert [record.note for record in records][1:3] == ["prepared b", "round 1 of 3"]
    assert [len(times) for times in timing.times] == [2, 2, 2]
    assert list(timing.medians()) == ["a", "b"]


def test_the_median_of_each_counts(tmp_path: Path) -> None:
    timing = job("ab", tmp_path)
    timing.times = [[1, 30], [3, 10], [1000, 20]]
    assert timing.medians() == {"a": 3, "b": 20}


def test_a_resumed_measurement_does_only_the_rounds_that_are_left(tmp_path: Path) -> None:
    first = job("a", tmp_path)
    for record in first:
        if record.note == "round 2 of 3":
            break
    second = job("a", tmp_path)
    second.restore(first.state())
    assert [record.note for record in second] == ["prepared a", "round 3 of 3"]
    assert second.times[:2] == first.times


def test_the_workloads_are_the_empty_network_the_parts_and_whole_networks(tiny: SearchSpace, given: Input) -> None:
    networks = random_networks(tiny, 1, seed=0)
    workloads = workloads_of(parts(tiny, given), networks, given, batch_size=2)
    assert [w.name for w in workloads] == [EMPTY, *parts(tiny, given), "network-01"]
    assert {w.shape[0] for w in workloads} == {2}
    network = workloads[-1].build().eval()
    assert network(torch.zeros(workloads[-1].shape)).shape == (2, 3)


def test_threads_are_as_they_were_afterwards(tmp_path: Path) -> None:
    before = torch.get_num_threads()
    list(job("a", tmp_path))
    assert torch.get_num_threads() == before
    assert module.NUM_WARM_UPS >= 1
