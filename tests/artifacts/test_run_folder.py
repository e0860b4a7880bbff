"""Costs of a folder come as one table, where they are of one space; a search is chosen by name, or is the only one."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts import CostTable, StageRecord
from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError


def with_latency(finished: RunFolder, folder: Path, *, rows: int) -> RunFolder:
    """Return a copy of a run with latencies of its first rows."""
    copy = RunFolder(shutil.copytree(finished.path, folder))
    counted = CostTable.load(copy.costs)
    CostTable(
        block=counted.block[:rows],
        previous_width=counted.previous_width[:rows],
        path=counted.path[:rows],
        width=counted.width[:rows],
        resources={"latency_ns": np.arange(rows)},
        facts={"latency_runtime": "made"},
    ).save(copy.latency)
    files = {"costs/latency.parquet": copy.latency.stat().st_size}
    stage = StageRecord(key="k", settings={}, files=files, seconds=0.0, finished="2026-01-01T00:00:00+00:00")
    copy.save_record(copy.load_record().with_stage("latency", stage))
    return copy


def test_latency_joins_what_was_counted(finished: RunFolder, tmp_path: Path) -> None:
    number = len(CostTable.load(finished.costs))
    folder = with_latency(finished, tmp_path / "run", rows=number)
    costs = load_costs(folder, folder.load_record())
    assert list(costs.resources) == ["params", "macs", "flops", "activation_bytes", "latency_ns"]
    assert costs.resource("latency_ns").tolist() == list(range(number))
    assert costs.facts["latency_runtime"] == "made"


def test_latency_of_another_space_is_refused(finished: RunFolder, tmp_path: Path) -> None:
    folder = with_latency(finished, tmp_path / "run", rows=3)
    with pytest.raises(
        ArtifactError, match="latency_ns were measured for another space than params and macs and flops"
    ):
        load_costs(folder, folder.load_record())


def test_latency_whose_file_is_gone_or_not_on_record_is_left_out(finished: RunFolder, tmp_path: Path) -> None:
    folder = with_latency(finished, tmp_path / "run", rows=3)
    record = folder.load_record()
    forgotten = replace(record, stages={k: v for k, v in record.stages.items() if k != "latency"})
    assert "latency_ns" not in load_costs(folder, forgotten).resources
    folder.latency.unlink()
    assert "latency_ns" not in load_costs(folder, record).resources


def test_whoever_locks_a_folder_removes_what_killed_processes_left(tmp_path: Path) -> None:
    left = tmp_path / "tuned" / "checkpoints" / ".finetune.pt.1-00000000-00000000.tmp"
    left.parent.mkdir(parents=True)
    left.write_text("half")
    os.utime(left, (0, 0))
    with RunFolder(tmp_path / "tuned").locked():
        assert not left.exists()


def test_a_search_is_chosen_by_name_which_the_only_one_needs_not(finished: RunFolder, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    (name,) = finished.search_names()
    with pytest.raises(ArtifactError, match=r"no search of .*run is finished; continue with: helixnas run"):
        folder.chosen_search(None)
    shutil.copytree(finished.path, folder.path)
    assert folder.chosen_search(None) == folder.chosen_search(name) == name
    shutil.copytree(folder.search(name), folder.search("other"))
    assert folder.chosen_search("other") == "other"
    with pytest.raises(UnknownNameError, match="unknown search 'othr'; did you mean other"):
        folder.chosen_search("othr")
    with pytest.raises(ConfigError, match=rf"has several searches; choose one with --name other or {name}"):
        folder.chosen_search(None, option="--name")
