"""The table of a run's stages."""

import re
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.cli.settings import read_recipe
from helixnas.cli.tables.status import show_status, show_trainings, work_of_benchmark
from helixnas.jobs.lease import Lease, leased
from helixnas.lab import Benchmark, save_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.space import load_space


@pytest.fixture
def begun(tiny_path: Path, tmp_path: Path) -> tuple[Recipe, RunFolder]:
    """A run whose teacher is recorded as finished, with facts of three kinds."""
    recipe, folder = read_recipe(str(tiny_path)), RunFolder(tmp_path / "run")
    file = folder.teacher / "teacher.json"
    file.parent.mkdir(parents=True)
    file.write_text("{}")
    one = plan(recipe.to_dict())[0]
    facts = {"model": "small_resnet", "params": 1234, "accuracy": 0.98765, "widths": [8, 12]}
    stage = folder.stage_record(
        key=one.key, settings=one.settings, files=["teacher/teacher.json"], facts=facts, seconds=2.5
    )
    folder.save_record(RunRecord(recipe="tiny").with_stage("teacher", stage))
    return recipe, folder


def said(recipe: Recipe, folder: RunFolder) -> list[list[str]]:
    """Return the cells of the rows, and the last line."""
    console = Console(file=StringIO(), width=250)
    show_status(recipe, folder, console)
    output: Any = console.file
    *lines, last = output.getvalue().splitlines()
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if line.startswith("│")] + [[last]]


def test_a_finished_stage_shows_its_time_and_figures_and_the_others_are_to_do(
    begun: tuple[Recipe, RunFolder],
) -> None:
    recipe, folder = begun
    first, *others, (last,) = said(recipe, folder)
    assert first[:3] == ["teacher", "done", "2.5"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", first[3])
    assert first[4] == "model small_resnet, params 1,234, accuracy 0.9877"  # a list is not shown
    assert [row[:2] for row in others] == [
        [name, "to do"] for name in ("costs", "distill", "rate", "stitch", "search:small", "retrain:small")
    ]
    assert last == f"6 to do; continue with: {folder.resume_command}"


def test_a_stage_with_a_checkpoint_is_half_done_and_a_changed_one_says_why(begun: tuple[Recipe, RunFolder]) -> None:
    recipe, folder = begun
    folder.checkpoint("distill").parent.mkdir()
    folder.checkpoint("distill").write_bytes(b"")
    changed = replace(recipe, teacher_fit=replace(recipe.teacher_fit, num_epochs=2))
    rows = {row[0]: row for row in said(changed, folder)}
    assert rows["teacher"][1] == "to redo: teacher_fit.num_epochs changed from 1 to 2"
    assert rows["distill"][1] == "half done"


def test_a_stage_that_the_recipe_does_not_have_is_listed_while_its_files_are_there(
    begun: tuple[Recipe, RunFolder],
) -> None:
    recipe, folder = begun
    record = folder.load_record()
    folder.save_record(record.with_stage("search:mine", record.stages["teacher"]))
    assert next(row[:3] for row in said(recipe, folder) if row[0] == "search:mine") == ["search:mine", "done", "2.5"]
    assert any(row[-1] == "not in the recipe" for row in said(recipe, folder))
    (folder.teacher / "teacher.json").unlink()
    assert not any(row[0] == "search:mine" for row in said(recipe, folder))


def test_jobs_of_workers_are_listed_with_their_last_sign_of_life(begun: tuple[Recipe, RunFolder]) -> None:
    recipe, folder = begun
    now = time.time()
    Lease(job="distill-1", host="a", process=7, heartbeat=now, number=2).save(folder.lease("distill-1"))
    Lease(job="distill-2", host="a", process=8, heartbeat=now - 7200).save(folder.lease("distill-2"))
    failed = Lease(job="rate-1", host="b", process=9, heartbeat=now - 90, state="failed", reason="out of memory")
    failed.save(folder.lease("rate-1"))
    rows = [row for row in said(recipe, folder) if row[0] in ("distill-1", "distill-2", "rate-1")]
    assert [[*row[:4], row[5]] for row in rows] == [
        ["distill-1", "running", "process 7 on a", "2", ""],
        ["distill-2", "lost", "process 8 on a", "1", ""],
        ["rate-1", "failed", "process 9 on b", "1", "out of memory"],
    ]
    assert rows[1][4] == "2 h 0 min ago"


def test_the_trainings_of_a_benchmark_that_is_being_built_are_shown(tiny_path: Path, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    assert work_of_benchmark(file) is None
    work = RunFolder(tmp_path / "mine.json.work")
    with leased(work, "network-1-training-1"):
        pass
    assert [work_of_benchmark(path) for path in (tmp_path, tmp_path / "mine.yaml")] == [None, None]
    for path in (file, work.path):
        found = work_of_benchmark(path)
        assert found is not None
        assert (found[0], found[1].path) == (file, work.path)
    assert trainings(file, work)[1:] == [f"{file}: done: 0 trainings of 0 networks; the same command continues"]
    space = load_space(read_recipe(str(tiny_path)).space)
    architecture = space.architecture(tuple(next(iter(block.paths())) for block in space.blocks))
    save_benchmark(
        Benchmark(name="m", space=space, networks=(TrainedNetwork(architecture=architecture, accuracy=(0.5, 0.6)),)),
        file,
    )
    row, last = trainings(file, work)
    assert [cell.strip() for cell in row.split("│")[1:3]] == ["network-1-training-1", "done"]
    assert last == f"{file}: done: 2 trainings of 1 network; the same command continues"


def trainings(file: Path, work: RunFolder) -> list[str]:
    """Return the rows, and the last line."""
    console = Console(file=StringIO(), width=250)
    show_trainings(file, work, console)
    output: Any = console.file
    *lines, last = output.getvalue().splitlines()
    return [*(line for line in lines if line.startswith("│")), last]
