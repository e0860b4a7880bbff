"""Jobs of Slurm, by submitit; its local executor, which runs them as processes, serves here."""

import shutil
import sys
import time
from pathlib import Path

import pytest

from helixnas.errors import ConfigError
from helixnas.jobs.executor import STOPPED, Executor, Task
from helixnas.jobs.slurm import Slurm


def task(folder: Path, code: str) -> Task:
    return Task(name="rate-1", command=(sys.executable, "-c", code), folder=folder, log=folder / "rate-1.log")


def test_a_machine_without_slurm_is_told_to_be_no_login_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    pytest.importorskip("submitit")
    with pytest.raises(ConfigError, match="--executor slurm needs the command sbatch, which is not on the path"):
        Slurm(tmp_path, num_cpus=1, options={})


def test_an_option_that_sbatch_does_not_have_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("submitit")
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    with pytest.raises(ConfigError, match=r"--executor slurm: .*slurm_partitoin"):
        Slurm(tmp_path, num_cpus=1, options={"partitoin": "gpu"})


@pytest.mark.slow
def test_a_job_runs_its_task_and_can_be_cancelled(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    executor = Slurm(tmp_path / "slurm", num_cpus=1, options={}, cluster="local")
    assert isinstance(executor, Executor)
    job = executor.submit(task(tmp_path, "print('hello')"))
    while not job.done():
        time.sleep(0.1)
    assert job.result() == 0
    assert (tmp_path / "rate-1.log").read_text() == "hello\n"
    endless = executor.submit(task(tmp_path, "open('begun', 'w'); import time; time.sleep(600)"))
    while not (tmp_path / "begun").exists():
        time.sleep(0.1)
    endless.stop()
    while not endless.done():
        time.sleep(0.1)
    assert endless.result() == STOPPED
    executor.close()
