"""Front: a table of answers that reads back."""

from pathlib import Path

import numpy as np

from helixnas.artifacts import Front

FRONT = Front(
    np.array([0.25, 0.5, 1 / 3]),
    {"macs": np.array([3, 2, 1]), "params": np.array([2**40, 2, 5])},
    ("24:mb6_k3 40:mb3_k3", "24:mb3_k3 40:mb3_k3", "24:mb3_k3 40:mb6_k3"),
)


def test_a_saved_front_reads_back_to_the_last_bit(tmp_path: Path) -> None:
    FRONT.save(tmp_path / "front.parquet")
    back = Front.load(tmp_path / "front.parquet")
    assert len(back) == len(FRONT) == 3
    assert back.architecture == FRONT.architecture
    assert np.array_equal(back.score, FRONT.score)
    assert list(back.resources) == ["macs", "params"]
    assert all(np.array_equal(back.resources[name], FRONT.resources[name]) for name in FRONT.resources)


def test_an_empty_front_reads_back(tmp_path: Path) -> None:
    Front(np.zeros(0), {"macs": np.zeros(0, np.int64)}, ()).save(tmp_path / "front.parquet")
    assert len(Front.load(tmp_path / "front.parquet")) == 0


def test_the_table_has_a_row_per_architecture() -> None:
    frame = FRONT.to_pandas()
    assert list(frame.columns) == ["score", "macs", "params", "architecture"]
    assert frame["params"].tolist() == [2**40, 2, 5]
