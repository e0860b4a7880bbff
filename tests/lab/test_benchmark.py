"""The file of a benchmark: written and read back, and one sentence for every way it can be wrong."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.errors import ArtifactError, ConfigError
from helixnas.lab import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import Architecture, SearchSpace, from_code, join_blocks, macro

Make = Callable[..., Benchmark]

GOOD = {
    "format": "helixnas-benchmark",
    "version": 1,
    "space": "macro",
    "networks": [
        {"architecture": "64:identity 128:mb3_k3 256:mb6_k5", "accuracy": [0.5, 0.75], "costs": {"macs": 7}},
        {"architecture": "64:identity 128:mb3_k3 256:identity", "accuracy": [0.25]},
        {"architecture": "64:identity 128:mb3_k3 256:mb6_k5", "accuracy": [0.5, 0.625, 1], "costs": {"macs": 7}},
    ],
}


def written(path: Path, values: Any) -> Path:
    path.write_text(json.dumps(values))
    return path


def changed(row: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    """Return the good file with some fields, or some fields of its second network, replaced."""
    networks = [GOOD["networks"][0], {**GOOD["networks"][1], **(row or {})}]
    return {**GOOD, "networks": networks, **fields}


def test_a_file_as_documented_is_read(tmp_path: Path) -> None:
    found = load_benchmark(written(tmp_path / "mine.json", GOOD))
    assert (found.name, len(found), found.num_trainings) == ("mine", 3, 1)
    assert found.space == macro()
    assert found.mean_accuracy.tolist() == [0.625, 0.25, pytest.approx(2.125 / 3)]
    assert found.trainings.tolist() == [[0.5], [0.25], [0.5]]
    assert found.distinct.tolist() == [0, 1, 0]


def test_costs_count_only_where_every_network_has_them(tmp_path: Path) -> None:
    assert load_benchmark(written(tmp_path / "a.json", GOOD)).cost("macs") is None
    whole = load_benchmark(written(tmp_path / "b.json", changed({"costs": {"macs": 9, "params": 1}})))
    macs = whole.cost("macs")
    assert macs is not None
    assert macs.tolist() == [7, 9]
    assert whole.cost("params") is None


def test_what_is_saved_is_read_back_the_same(
    tmp_path: Path, small: SearchSpace, every_network: list[Architecture], benchmark_of: Make
) -> None:
    rng = np.random.default_rng(0)
    before = benchmark_of(small, every_network, lambda network: rng.uniform(size=3).tolist())
    save_benchmark(before, tmp_path / "made.json")
    after = load_benchmark(tmp_path / "made.json")
    assert after == before


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            [],
            "is not a benchmark: its field 'format' must be 'helixnas-benchmark', or the file that of NAS-Bench-Macro",
        ),
        ({"format": "helixnas-architecture"}, "is not a benchmark: its field 'format' must be"),
        (changed(version=2), "has the format version 2; this HelixNAS reads 1"),
        (changed(networks={}), "the field 'networks' must be a list, a mapping for each network, not {}"),
        (changed(facts=3), "the field 'facts' must be a mapping, not 3"),
        (changed(space=None), "the field 'space' must be a family's name or a definition, not None"),
        (changed(space="marco"), "its space cannot be read: unknown space 'marco'; did you mean macro"),
        (
            changed(space={"family": "macro", "depths": [1]}),
            "its space cannot be read: widths and depths need one entry",
        ),
        (changed({"architecture": 3}), "network 2: it needs the fields 'architecture'"),
        (changed({"architecture": "64:mb9_k9"}), "network 2: unknown operation 'mb9_k9'"),
        (changed({"architecture": "64:identity"}), "network 2: space 'macro' has 3 blocks, but 1 paths were given"),
        (changed({"accuracy": 0.5}), "network 2: 'accuracy' must be a list of numbers, one per training, not 0.5"),
        (changed({"accuracy": ["0.5"]}), "network 2: 'accuracy' must be a list of numbers"),
        (changed({"accuracy": [True]}), "network 2: 'accuracy' must be a list of numbers"),
        (changed({"accuracy": [10**400]}), "network 2: an accuracy must be a share from 0 to 1, not inf"),
        (changed({"accuracy": []}), "network 2: a trained network needs the accuracy of at least one training"),
        (changed({"accuracy": [92.5]}), "must be a share from 0 to 1, not 92.5; 92.5 percent is 0.925"),
        (changed({"accuracy": [float("nan")]}), "must be a share from 0 to 1, not nan"),
        (changed({"accuracy": [-0.5]}), "must be a share from 0 to 1, not -0.5"),
        (changed({"costs": {"macs": 0.5}}), "network 2: 'costs' must hold whole numbers from 0 to 2^63 - 1"),
        (changed({"costs": {"macs": -1}}), "by resource, not {'macs': -1}"),
        (changed({"costs": {"macs": 2**63}}), "network 2: 'costs' must hold whole numbers from 0 to 2^63 - 1"),
    ],
)
def test_a_file_that_is_wrong_is_one_sentence_that_names_it(tmp_path: Path, values: Any, sentence: str) -> None:
    path = written(tmp_path / "mine.json", values)
    with pytest.raises(ArtifactError) as raised:
        load_benchmark(path)
    assert str(path) in str(raised.value)
    assert sentence in str(raised.value)


def test_a_mark_before_the_text_as_editors_on_windows_write_it_is_passed_over(
    tmp_path: Path, small: SearchSpace, every_network: list[Architecture], benchmark_of: Make
) -> None:
    before = benchmark_of(small, every_network, lambda network: [0.5])
    path = tmp_path / "made.json"
    save_benchmark(before, path)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    assert load_benchmark(path) == before


@pytest.mark.parametrize(("content", "sentence"), [("", "it is no JSON"), ("[" * 100_000, "it is no JSON")])
def test_a_file_that_is_no_json_is_one_sentence(tmp_path: Path, content: str, sentence: str) -> None:
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(ArtifactError, match=sentence):
        load_benchmark(tmp_path / "mine.json")


def test_a_file_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="cannot read .*nowhere.json: there is no such file"):
        load_benchmark(tmp_path / "nowhere.json")


def test_a_network_without_accuracy_is_refused(small: SearchSpace) -> None:
    with pytest.raises(ConfigError, match="at least one training"):
        TrainedNetwork(architecture=small.sample(np.random.default_rng(0)), accuracy=())


def test_a_space_of_joined_blocks_ranks_the_same_networks_under_its_own_names() -> None:
    network = TrainedNetwork(architecture=from_code("22212220"), accuracy=(0.9,))
    benchmark = Benchmark(name="mine", space=macro(), networks=(network,))
    joined = join_blocks(macro(), (2, 1))
    assert benchmark.as_in(macro()) is benchmark
    found = benchmark.as_in(joined)
    assert found.space.blocks == joined.blocks
    assert found.networks[0].architecture in joined
    assert found.networks[0].architecture.text == "64:mb6_k5,mb6_k5+128:mb6_k5,mb3_k3,mb6_k5 256:mb6_k5,mb6_k5"
