"""The tables of a run hold what its settings ask for, and nothing that they gave up."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.costs import cost_table
from helixnas.errors import ArtifactError
from helixnas.search.stored import stored_tables
from helixnas.search.tables import score_tables
from helixnas.space import macro

SETTINGS = {"proxies": {"num_networks": 5}, "calibration": {"num_networks": 3}}


@pytest.fixture
def run(tmp_path: Path) -> tuple[RunFolder, RunRecord]:
    folder, space = RunFolder(tmp_path), macro(depths=(1, 1), widths=(8, 16), stem_width=4)
    costs = cost_table(space, image_size=32, num_classes=10)
    costs.save(folder.costs)
    kinds = {
        "rate": ("log_kl", folder.rating),
        "proxies": ("naswot", folder.proxy),
        "calibrate": ("calibrated", folder.calibrated),
    }
    record = RunRecord(recipe="made", versions={})
    for stage, (name, place) in kinds.items():
        tables = score_tables(costs, {name: [np.arange(len(costs.rows(block)), dtype=float) for block in (1, 2)]})
        for table in tables:
            table.save(place(table.block))
        files = [str(place(table.block).relative_to(folder.path)) for table in tables]
        record = record.with_stage(stage, folder.stage_record(key="k", settings={}, files=files, facts={}, seconds=0.0))
    finished = folder.stage_record(key="k", settings={}, files=["costs.parquet"], facts={}, seconds=0.0)
    return folder, record.with_stage("costs", finished)


def test_proxies_and_calibrated_scores_stand_beside_the_ratings(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    assert [*stored_tables(folder, record, SETTINGS).ratings[1].scores] == ["log_kl", "naswot", "calibrated"]
    given_up = {**SETTINGS, "proxies": {"num_networks": 0}}
    assert [*stored_tables(folder, record, given_up).ratings[0].scores] == ["log_kl", "calibrated"]
    assert [*stored_tables(folder, record, {}).ratings[0].scores] == ["log_kl"]
    assert [*stored_tables(folder, record, SETTINGS, without=("proxies",)).ratings[0].scores] == [
        "log_kl",
        "calibrated",
    ]


def test_stages_of_different_spaces_are_told(run: tuple[RunFolder, RunRecord]) -> None:
    folder, record = run
    table = stored_tables(folder, record, {}).ratings[0]
    replace(table, path=tuple(f"x{path}" for path in table.path), scores={"naswot": table.batches()}).save(
        folder.proxy(1)
    )
    with pytest.raises(ArtifactError, match="log_kl and naswot of block 1 are of different spaces; redo them"):
        stored_tables(folder, record, SETTINGS)
