"""Channel-Bench-Macro's file, and the figures that are known of it."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kendalltau

from helixnas.costs import cost_table
from helixnas.errors import ArtifactError
from helixnas.lab import Benchmark, load_benchmark
from helixnas.space import channel, from_widths

ROW = {"acc": [50.0, 75.0], "mean": 62.5, "std": 0.0, "params": 3, "flops": 4}


@pytest.fixture(scope="module")
def benchmark() -> Benchmark:
    """Channel-Bench-Macro, or a skip where it is not at hand."""
    root = os.environ.get("HELIXNAS_DATA")
    file = Path(root or ".") / "channel-bench-macro/mobilenet_cifar10.json"
    if not root or not file.is_file():
        pytest.skip("no channel-bench-macro/mobilenet_cifar10.json in $HELIXNAS_DATA")
    return load_benchmark(file)


def test_codes_become_networks_and_percent_shares(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps({"1234123": ROW}))
    (network,) = load_benchmark(tmp_path / "bench.json").networks
    assert network.architecture == from_widths("1234123")
    assert network.accuracy == (0.5, 0.75)
    assert network.costs == {"macs": 4, "params": 3}


@pytest.mark.parametrize(
    ("code", "row", "sentence"),
    [
        ("123412", ROW, "code '123412': code '123412' must be 7 digits, each 1 to 4"),
        ("1234124", {"flops": 3}, "code '1234124': the field 'acc' is missing"),
        ("1234124", {**ROW, "acc": [0.9]}, "code '1234124': acc must be in percent, and 0.9 looks like a share"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, code: str, row: object, sentence: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"1111111": ROW, code: row}))
    with pytest.raises(ArtifactError) as raised:
        load_benchmark(path)
    assert f"{path}, {sentence}" in str(raised.value)


def test_the_file_holds_every_network_of_the_space_with_the_sizes_that_are_counted_here(benchmark: Benchmark) -> None:
    counted = cost_table(channel(), image_size=32, num_classes=10)
    assert len(benchmark) == len(np.unique(benchmark.distinct)) == channel().size == 16_384
    assert benchmark.num_trainings == 3
    for network in benchmark.networks:
        own = counted.of(network.architecture)
        assert {name: own[name] for name in ("macs", "params")} == network.costs


def test_size_alone_ranks_as_is_known(benchmark: Benchmark) -> None:
    taus = {name: kendalltau(benchmark.cost(name), benchmark.mean_accuracy).statistic for name in ("macs", "params")}
    assert taus["macs"] == pytest.approx(0.546, abs=5e-4)
    assert taus["params"] == pytest.approx(0.426, abs=5e-4)
