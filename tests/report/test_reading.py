"""Reading a run: its searches in order, curves by name, and damage reported with the file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helixnas.errors import ArtifactError
from helixnas.report import build_report
from helixnas.report.reading import read_run


def test_searches_stand_in_the_order_of_the_settings(own_run: Path) -> None:
    config = own_run / "config.yaml"
    config.write_text(config.read_text() + "searches: {tiny: {}, small: {}}\n")
    assert [search.name for search in read_run(own_run).searches] == ["tiny", "small"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("searches/small/result.json", "truncated or damaged"),
        ("searches/small/architecture.json", "truncated or damaged"),
        ("config.yaml", "not YAML"),
    ],
)
def test_a_damaged_file_is_named(own_run: Path, name: str, fault: str) -> None:
    file = own_run / name
    file.write_text(file.read_text()[:20] + " : [")
    with pytest.raises(ArtifactError, match=f"{name} is {fault}"):
        build_report(own_run)
    assert not (own_run / "report.html").exists()


def test_curves_are_kept_apart_by_name(finished: Any) -> None:
    curves = read_run(finished.folder).curves
    assert list(curves["distill"]) == ["block 1 cell 1", "block 1 cell 2", "block 2 cell 1", "block 2 cell 2"]
    assert np.array_equal(curves["teacher"]["loss"].values, 1.0 / curves["teacher"]["loss"].steps)


def test_cells_have_names_where_the_space_is_known(own_run: Path) -> None:
    run = read_run(own_run)
    assert len(run.cell_names(1)) == len(run.space.blocks[0].cells)  # type: ignore[union-attr]
    assert run.cell_names(99) == []
    (own_run / "config.yaml").write_text("space: nowhere\n")
    assert read_run(own_run).cell_names(1) == []
