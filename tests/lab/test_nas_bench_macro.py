"""NAS-Bench-Macro's file, and the figures that are known of it."""

import json
from pathlib import Path

import numpy as np
import pytest

from helixnas.costs import cost_table
from helixnas.errors import ArtifactError
from helixnas.lab import Benchmark, load_benchmark
from helixnas.space import from_code, macro

ROW = {"test_acc": [50.0, 75.0], "mean_acc": 62.5, "std": 0.0, "params": 3, "flops": 4}


def test_codes_become_networks_and_percent_shares(tmp_path: Path) -> None:
    (tmp_path / "bench.json").write_text(json.dumps({"22212220": ROW, "22212202": ROW}))
    found = load_benchmark(tmp_path / "bench.json")
    assert [network.architecture for network in found.networks] == [from_code("22212220"), from_code("22212202")]
    assert found.networks[0].architecture == found.networks[1].architecture
    assert found.networks[0].accuracy == (0.5, 0.75)
    assert found.networks[0].costs == {"macs": 4, "params": 3}


@pytest.mark.parametrize(
    ("code", "row", "sentence"),
    [
        ("2221222", ROW, "code '2221222': code '2221222' must be 8 digits, each 0, 1 or 2"),
        ("22212223", ROW, "code '22212223': code '22212223' must be 8 digits"),
        ("22212222", {"flops": 3}, "code '22212222': the field 'test_acc' is missing"),
        ("22212222", {**ROW, "test_acc": ["x"]}, "code '22212222': test_acc must be a list of accuracies in percent"),
        ("22212222", {**ROW, "test_acc": None}, "code '22212222': test_acc must be a list of accuracies in percent"),
        (
            "22212222",
            {**ROW, "test_acc": [0.9, 0.8]},
            "code '22212222': test_acc must be in percent, and 0.9 looks like a share",
        ),
        ("22212222", {**ROW, "params": 1.5}, "code '22212222': params must be a whole number, not 1.5"),
        ("22212222", {**ROW, "flops": "a"}, "code '22212222': flops must be a whole number, not 'a'"),
        ("22212222", {**ROW, "test_acc": [101.0]}, "code '22212222': an accuracy must be a share from 0 to 1"),
        ("22212222", 3, "code '22212222': it must hold test_acc, flops and params"),
    ],
)
def test_a_row_that_is_wrong_is_named(tmp_path: Path, code: str, row: object, sentence: str) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps({"00000000": ROW, code: row}))
    with pytest.raises(ArtifactError) as raised:
        load_benchmark(path)
    assert f"{path}, {sentence}" in str(raised.value)


def test_the_file_holds_6561_rows_of_3969_networks_and_three_trainings(nas_bench_macro: Benchmark) -> None:
    assert len(nas_bench_macro) == 6561
    assert len(np.unique(nas_bench_macro.distinct)) == nas_bench_macro.space.size == 3969
    assert nas_bench_macro.num_trainings == 3
    best = nas_bench_macro.networks[int(nas_bench_macro.mean_accuracy.argmax())]
    assert best.architecture == from_code("22212220")
    assert nas_bench_macro.mean_accuracy.max() == pytest.approx(0.9313, abs=5e-5)


def test_equal_accuracies_are_ties(nas_bench_macro: Benchmark) -> None:
    assert len(np.unique(nas_bench_macro.mean_accuracy)) == 1655  # of 2,577 with the noise of float32
    hundredths = nas_bench_macro.trainings * 1e4
    np.testing.assert_allclose(hundredths, np.round(hundredths), atol=1e-9)


def test_equal_sums_in_another_order_are_ties(tmp_path: Path) -> None:
    rows = {"22212220": [90.1, 91.2, 92.3], "22212221": [92.3, 90.1, 91.2], "22212222": [90.10000228881836, 91.2, 92.3]}
    (tmp_path / "bench.json").write_text(json.dumps({code: {**ROW, "test_acc": rows[code]} for code in rows}))
    assert len(set(load_benchmark(tmp_path / "bench.json").mean_accuracy.tolist())) == 1


def test_its_parameters_and_multiply_adds_are_ours(nas_bench_macro: Benchmark) -> None:
    costs = cost_table(macro(), image_size=32, num_classes=10)
    for network in nas_bench_macro.networks[::13]:
        counted = costs.of(network.architecture)
        assert {name: counted[name] for name in ("macs", "params")} == network.costs
