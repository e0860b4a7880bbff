"""Jobs of Slurm, by submitit; its local executor, which runs them as processes, serves here."""

import shutil
import sys
import time
from pathlib import Path
from types import SimpleNamespace

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


def test_a_cluster_that_submitit_does_not_have_names_those_it_has(tmp_path: Path) -> None:
    pytest.importorskip("submitit")
    with pytest.raises(ConfigError, match="^--executor slurm:cluster=lokal must be slurm or local$"):
        Slurm(tmp_path, num_cpus=1, options={}, cluster="lokal")


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


class Refusing:
    """As much of submitit as the executor uses, on a cluster that refuses jobs."""

    class UncompletedJobError(RuntimeError):
        """As submitit calls it."""

    class FailedJobError(UncompletedJobError):
        """As submitit calls it."""

    def __init__(self) -> None:
        self.core = SimpleNamespace(utils=self)
        self.parameters: dict[str, object] = {}

    def AutoExecutor(self, folder: Path, cluster: str) -> "Refusing":  # noqa: N802 - as submitit calls it
        return self

    def update_parameters(self, **parameters: object) -> None:
        self.parameters |= parameters

    def submit(self, task: Task) -> None:
        raise self.FailedJobError("sbatch: error: invalid partition\nspecified: gpu")


def test_a_job_that_slurm_refuses_is_one_sentence_and_options_are_those_of_sbatch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    submitit = Refusing()
    monkeypatch.setitem(sys.modules, "submitit", submitit)  # type: ignore[arg-type]
    monkeypatch.setattr(shutil, "which", lambda name: f"/usr/bin/{name}")
    executor = Slurm(tmp_path, num_cpus=3, options={"partition": "gpu", "time": "90"})
    asked = {"cpus_per_task": 3, "timeout_min": 1440, "slurm_partition": "gpu", "slurm_time": 90}
    assert submitit.parameters == asked
    with pytest.raises(ConfigError, match=r"^--executor slurm: sbatch: error: invalid partition specified: gpu$"):
        executor.submit(task(tmp_path, ""))
    assert submitit.parameters == {**asked, "name": "rate-1"}
