"""The dry run of a comparison, its table, and its row in the status of a run."""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_recipe
from helixnas.cli.tables.comparison import show_comparison, show_plan
from helixnas.cli.tables.status import show_status
from helixnas.engine.progress import Reporter
from helixnas.experiments import comparison as comparing
from helixnas.experiments.comparison import compare_networks
from helixnas.experiments.comparison_plan import plan_comparison


def said(show: Any, *things: Any, width: int = 200) -> str:
    console = Console(record=True, width=width, file=None)
    show(*things, console)
    return console.export_text()


def test_plan_status_and_table_of_a_comparison(
    searched: Path, tiny_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(searched, tmp_path / "run")
    tiny, copy = read_recipe(str(tiny_path)), RunFolder(tmp_path / "run")
    monkeypatch.setattr("helixnas.pipeline.estimate.SECONDS_OF_PROBE", 0.0)
    monkeypatch.setattr(comparing, "build_report", lambda run: run / "report.html")
    known = replace(tiny, expected_images=1498)
    plan = plan_comparison(known, copy, "small", num_random=1, tolerance=0.8)
    told = said(show_plan, plan)
    for words in ("search small, ", "winner (", "random 1 (", "2 trainings to do, each: 1 epoch of batch 64: 22 steps"):
        assert words in told
    assert "estimated time on this machine, from forward passes of the networks: " in told
    assert "time: not known, since expected_images" in said(show_plan, replace(plan, recipe=tiny))
    assert "compare:small" not in said(show_status, tiny, copy)

    found = compare_networks(plan, Reporter())
    told = said(show_comparison, found, plan.file, width=80)
    assert "\u2026" not in told  # no figure is cut off in 80 columns
    assert "The winner of small is " in told
    assert str(plan.file) in told.replace("\n", "")
    assert "0 trainings to do" in said(show_plan, plan)
    status = said(show_status, tiny, copy)
    assert "compare:small \u2502 done" in status
    replace(found, winner="8:mb3_k3 12:mb3_k3").save(plan.file)
    assert "to redo: search small has another winner" in said(show_status, tiny, copy, width=300)
    replace(found, num_trainings=2, asked=("winner", "random 1")).save(plan.file)
    assert "2 trainings left" in said(show_status, tiny, copy)
