"""Stages in jobs: the same files, whatever the size of the jobs, and whatever happens to workers."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.calibration import CalibrationConfig
from helixnas.engine import FitConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import HelixError, JobError
from helixnas.jobs.choice import parse_executor
from helixnas.jobs.executor import Task
from helixnas.jobs.lease import leases_of, load_lease
from helixnas.jobs.scaling import JobSizes
from helixnas.pipeline.ad_hoc.job import do_job
from helixnas.pipeline.part import SIZES, Size
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe, run_stage
from helixnas.pipeline.spread import Spread, task_of

Digests = Callable[[Path], dict[str, str]]


@dataclass(frozen=True)
class Done:
    code: int

    def done(self) -> bool:
        return True

    def result(self) -> int:
        return self.code

    def stop(self, *, at_once: bool = False) -> None: ...


class Here:
    """Does the jobs in this process, each as soon as it is submitted."""

    def __init__(self, recipe: Recipe, folder: RunFolder) -> None:
        self.recipe, self.folder = recipe, folder
        self.names: list[str] = []

    def submit(self, task: Task) -> Done:
        self.names.append(task.name)
        try:
            do_job(self.recipe, self.folder, Reporter(), name=task.name)
        except HelixError:
            return Done(2)
        return Done(0)

    def close(self) -> None: ...


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> list[Here]:
    """Let every executor be `Here`; returns those that were opened."""
    opened = list[Here]()

    def open_here(self: Spread, recipe: Recipe, folder: RunFolder) -> Here:
        opened.append(Here(recipe, folder))
        return opened[-1]

    monkeypatch.setattr(Spread, "open", open_here)
    return opened


@pytest.fixture
def taught(copy: RunFolder) -> RunFolder:
    """A run that has a teacher and costs, and nothing after them."""
    for name in ("supernet", "ratings", "searches"):
        shutil.rmtree(copy.path / name)
    return copy


def spread(size: Size = "block") -> Spread:
    return Spread(parse_executor("local:2"), size)


@pytest.mark.parametrize(
    "size", [pytest.param(size, marks=[pytest.mark.slow] if size != "prefix" else []) for size in SIZES]
)
def test_jobs_of_every_size_leave_the_files_of_one_process(
    taught: RunFolder, finished: RunFolder, tiny: Recipe, digests: Digests, here: list[Here], listener: Any, size: Size
) -> None:
    record = run_recipe(tiny, taught, listener, until="rate", spread=spread(size))
    together, alone = digests(finished.path), digests(taught.path)
    assert alone == {name: together[name] for name in alone}
    assert {"supernet/block-2.safetensors", "history/distill.parquet", "ratings/block-1.parquet"} <= set(alone)
    trained, rated = (one.names for one in here)
    assert (len(trained), len(rated)) == {"block": (2, 2), "cell": (4, 4), "prefix": (4, 8)}[size]
    assert {lease.state for lease in leases_of(taught)} == {"done"}
    assert {file.suffix for file in taught.jobs.iterdir()} == {".json"}  # no part is left
    assert {lease.key for lease in leases_of(taught)} == {record.stages[stage].key for stage in ("distill", "rate")}
    sizes = JobSizes.load(JobSizes.file(taught, "rate")).macs[size]
    assert list(sizes) == rated
    assert not list(taught.path.glob("checkpoints/*"))
    for stage in ("distill", "rate"):
        before, after = finished.load_record().stages[stage], record.stages[stage]
        assert (after.facts, after.core_seconds, after.num_threads) == (before.facts, None, 1)
    assert run_recipe(tiny, taught, listener, until="rate", spread=spread(size)) == record
    assert len(here) == 2  # nothing was left to do


@pytest.mark.slow
def test_a_worker_that_is_stopped_in_every_job_goes_on_to_the_same_files(
    taught: RunFolder,
    finished: RunFolder,
    tiny: Recipe,
    digests: Digests,
    here: list[Here],
    listener: Any,
    stopped_after: Callable[[int], AbstractContextManager[None]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    submit = Here.submit

    def stopping(self: Here, task: Task) -> Done:
        if self.names.count(task.name) == 0:
            with stopped_after(1 if task.name.startswith("rate") else 7):
                done = submit(self, task)
            lease = load_lease(taught.lease(task.name))
            assert lease is not None
            assert (lease.state, taught.checkpoint(task.name).is_file()) == ("stopped", True)
            return done
        return submit(self, task)

    monkeypatch.setattr(Here, "submit", stopping)
    run_recipe(tiny, taught, listener, until="rate", spread=spread("cell"))
    together, alone = digests(finished.path), digests(taught.path)
    assert alone == {name: together[name] for name in alone}
    assert [one.names.count(name) for one in here for name in set(one.names)] == [2] * 8
    told = [said for said in listener.said if said.startswith("distill-1-cell-1: ")]
    assert told[0] == "distill-1-cell-1: goes on from its last checkpoint: stopped; everything so far is saved"


@pytest.mark.slow
def test_a_block_that_cannot_be_trained_is_reported_once_and_the_others_are_kept(
    taught: RunFolder, finished: RunFolder, tiny: Recipe, here: list[Here], listener: Any, digests: Digests
) -> None:
    wild = replace(tiny, distill=replace(tiny.distill, first_block_lr=1e30))
    with pytest.raises(
        JobError, match=r"^1 of 2 jobs failed: distill-1: the loss of block 1 is .*; the others are done"
    ):
        run_recipe(wild, taught, listener, until="distill", spread=spread())
    assert here[0].names == ["distill-1", "distill-2"]
    assert (taught.path / "supernet" / "block-2.safetensors").is_file()
    assert "distill" not in taught.load_record().stages


def test_blocks_that_learn_together_are_trained_by_this_process_which_says_so(
    taught: RunFolder, tiny: Recipe, here: list[Here], listener: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Begun(Exception):  # noqa: N818 - a signal of the test
        pass

    def begin(*words: Any) -> None:
        raise Begun

    monkeypatch.setattr("helixnas.pipeline.work.distill._distill", begin)
    recipe = replace(tiny, distill=replace(tiny.distill, strategy="progressive-a"))
    with pytest.raises(Begun):
        run_recipe(recipe, taught, listener, until="distill", spread=spread())
    assert "distill.strategy=progressive-a trains the blocks in order, so this process trains them all" in listener.said
    assert here == []


@pytest.mark.slow
@pytest.mark.parametrize("size", ["cell", "prefix"])
def test_moments_of_jobs_are_those_of_one_process(
    copy: RunFolder, taught: RunFolder, tiny: Recipe, digests: Digests, here: list[Here], tmp_path: Path, size: Size
) -> None:
    recipe = replace(tiny, distill=replace(tiny.distill, num_moments=2))
    alone = RunFolder(tmp_path / "alone")
    run_recipe(recipe, alone, Reporter(), until="rate", others=[copy])
    run_recipe(recipe, taught, Reporter(), until="rate", spread=spread(size))
    expected, found = digests(alone.path), digests(taught.path)
    found.pop("history/retrain-small.parquet")  # of the run before
    assert {"supernet/moment-1/block-2.safetensors", "ratings/moment-1/block-1.parquet"} <= set(found)
    assert found == {name: expected[name] for name in found}
    assert {file.suffix for file in taught.jobs.iterdir()} == {".json"}


@pytest.mark.slow
def test_the_networks_of_calibration_are_jobs(copy: RunFolder, tiny: Recipe, here: list[Here], listener: Any) -> None:
    fit = FitConfig(batch_size=64, warmup_epochs=0.0)
    recipe = replace(tiny, calibration=CalibrationConfig(num_networks=3, num_epochs=1, fit=fit))
    record = run_stage(recipe, copy, listener, verb="calibrate", name=None, spread=spread())
    assert [one.names for one in here] == [["calibrate-1", "calibrate-2", "calibrate-3"]]
    assert len({*json.loads(copy.calibration_networks.read_text())["networks"]}) == 3
    calibrate = record.stages["calibrate"]
    assert calibrate.core_seconds is None
    assert calibrate.cost is not None
    assert calibrate.cost > sum(lease.core_seconds or 0.0 for lease in leases_of(copy)) > 0
    assert not list(copy.path.glob("checkpoints/*"))


def test_a_worker_runs_the_command_of_its_job_with_its_share_of_the_threads(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "my run")
    task = task_of(folder, "rate-1", ["work", str(folder.path), "rate-1"], 3)
    assert task.command == (sys.executable, "-m", "helixnas", "work", str(folder.path), "rate-1")
    assert task.environment == {"OMP_NUM_THREADS": "3", "MKL_NUM_THREADS": "3"}
    assert (task.folder, task.log) == (Path.cwd(), folder.jobs / "rate-1.log")


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["local:2", "slurm:cluster=local"])
def test_processes_of_which_some_are_killed_leave_the_files_of_one_process(
    taught: RunFolder, finished: RunFolder, tiny_path: Path, digests: Digests, executor: str
) -> None:
    if executor.startswith("slurm"):
        pytest.importorskip("submitit")
    draw, killed = random.Random(0), set[str]()
    command = ["run", str(tiny_path), "--out", str(taught.path), "--until", "rate", "--executor", executor]
    with subprocess.Popen([sys.executable, "-m", "helixnas", *command], stdout=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            alive = [lease for lease in leases_of(taught) if lease.is_alive and lease.job not in killed]
            if alive and len(killed) < 3:
                lease = draw.choice(alive)
                time.sleep(draw.uniform(0, 0.3))
                if lease.is_alive:
                    os.kill(lease.process, signal.SIGKILL)
                    killed.add(lease.job)
            time.sleep(0.02)
        assert process.stdout is not None
        said = process.stdout.read()
    assert process.returncode == 0
    assert len(killed) == 3
    together, alone = digests(finished.path), digests(taught.path)
    assert alone == {name: together[name] for name in alone}
    assert "was lost" in said
    assert (taught.jobs / "slurm").is_dir() == executor.startswith("slurm")
