"""CostTable: totals along the chain, rows, files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts import CostTable
from helixnas.artifacts.cost_table import COMBINED_BY_MAXIMUM
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.space import Architecture, SearchSpace, mbconv

SPACE: SearchSpace = mbconv(
    cells=(((1, 24), (1, 32)), ((1, 40),)), strides=(2, 2), kernels=(3,), expansions=(3,), separable_width=0
)
WIDE = SPACE.parse("32:mb3_k3 40:mb3_k3")
NARROW = SPACE.parse("24:mb3_k3 40:mb3_k3")

TABLE = CostTable(
    block=np.array([0, 1, 1, 2, 2, 3]),
    previous_width=np.array([3, 32, 32, 24, 32, 40]),
    path=("", "24:mb3_k3", "32:mb3_k3", "40:mb3_k3", "40:mb3_k3", ""),
    width=np.array([32, 24, 32, 40, 40, 10]),
    resources={"params": np.array([1, 10, 20, 100, 200, 1000]), "macs": np.array([5, 50, 60, 500, 600, 2**40])},
    facts={"image_size": 32, "num_classes": 10, "note": "é"},
)


def test_a_later_block_costs_what_the_width_before_makes_it_cost() -> None:
    assert TABLE.of(NARROW) == {"params": 1 + 10 + 100 + 1000, "macs": 5 + 50 + 500 + 2**40}
    assert TABLE.of(WIDE) == {"params": 1 + 20 + 200 + 1000, "macs": 5 + 60 + 600 + 2**40}


def test_activation_memory_is_the_largest_of_a_networks_parts() -> None:
    table = replace(TABLE, resources={"activation_bytes": np.array([7, 9, 3, 8, 4, 1]), **TABLE.resources})
    assert {"activation_bytes"} == COMBINED_BY_MAXIMUM
    assert (table.of(NARROW)["activation_bytes"], table.of(WIDE)["activation_bytes"]) == (9, 7)
    assert table.of(NARROW)["params"] == TABLE.of(NARROW)["params"]


def test_tables_of_the_same_rows_are_joined_and_of_others_refused() -> None:
    timed = replace(TABLE, resources={"latency_ns": np.arange(6)}, facts={"latency_runtime": "x", "image_size": 64})
    joined = TABLE.joined(timed)
    assert list(joined.resources) == ["params", "macs", "latency_ns"]
    assert (joined.facts["image_size"], joined.facts["latency_runtime"]) == (32, "x")
    with pytest.raises(ArtifactError, match="latency_ns were measured for another space than params and macs"):
        TABLE.joined(replace(timed, width=TABLE.width + 1))


def test_rows_of_a_block_come_in_order() -> None:
    assert [TABLE.rows(block).tolist() for block in range(4)] == [[0], [1, 2], [3, 4], [5]]
    assert (TABLE.num_blocks, len(TABLE)) == (2, 6)
    assert TABLE.resource("params").tolist() == [1, 10, 20, 100, 200, 1000]


def test_a_saved_table_reads_back(tmp_path: Path) -> None:
    TABLE.save(tmp_path / "costs.parquet")
    back = CostTable.load(tmp_path / "costs.parquet")
    assert (back.path, back.facts, list(back.resources)) == (TABLE.path, TABLE.facts, ["params", "macs"])
    assert back.of(WIDE) == TABLE.of(WIDE)
    assert np.array_equal(back.block, TABLE.block)


@pytest.mark.parametrize(
    "architecture",
    [
        Architecture(WIDE.stem, WIDE.blocks[:1]),
        mbconv().parse(
            "24:mb3_k3,mb3_k3 40:mb3_k3,mb3_k3 80:mb3_k3,mb3_k3 96:mb3_k3,mb3_k3,mb3_k3,mb3_k3 "
            "192:mb3_k3,mb3_k3,mb3_k3,mb3_k3 320:mb3_k3"
        ),
    ],
)
def test_a_network_of_another_space_is_refused_with_its_path(architecture: Architecture) -> None:
    with pytest.raises(ArtifactError, match=r"the cost table has no row for path '.*' after width \d+ in block \d"):
        TABLE.of(architecture)


def test_a_resource_that_was_not_measured_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown resource 'param'; did you mean params?"):
        TABLE.resource("param")
