"""Jobs as Ray tasks. A cluster of this machine is started, which takes seconds; a stand-in shows the rest."""

import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from helixnas.errors import ConfigError
from helixnas.jobs.executor import Executor, Handle, Task
from helixnas.jobs.ray_tasks import OBJECT_STORE_BYTES, RayTasks


class Cluster:
    """As much of Ray as the executor uses; tasks run when they are submitted."""

    class exceptions:  # noqa: N801 - as Ray calls it
        class RayError(Exception):
            """As Ray calls it."""

    def __init__(self, num_gpus: int = 0) -> None:
        self.num_gpus = num_gpus
        self.began: dict[str, Any] = {}
        self.asked: dict[str, Any] = {}
        self.cancelled: list[tuple[Any, bool]] = []

    def init(self, **how: Any) -> None:
        self.began = how

    def cluster_resources(self) -> dict[str, float]:
        return {"CPU": 8.0, "GPU": float(self.num_gpus)} if self.num_gpus else {"CPU": 8.0}

    def remote(self, **options: Any) -> Any:
        self.asked = options

        def of(function: Any) -> Any:
            return SimpleNamespace(options=lambda name: SimpleNamespace(remote=lambda task: (name, function(task))))

        return of

    def wait(self, references: list[Any], timeout: float) -> tuple[list[Any], list[Any]]:
        return references, []

    def get(self, reference: tuple[str, int]) -> int:
        if reference[1] == 3:
            raise self.exceptions.RayError("the node has gone")
        return reference[1]

    def cancel(self, reference: Any, force: bool) -> None:
        self.cancelled.append((reference, force))

    def shutdown(self) -> None:
        self.began = {}


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    stand_in = Cluster()
    monkeypatch.setitem(sys.modules, "ray", stand_in)  # type: ignore[arg-type]
    return stand_in


def task(folder: Path, code: str) -> Task:
    return Task(name="rate-1", command=(sys.executable, "-c", code), folder=folder, log=folder / "rate-1.log")


def test_a_job_asks_for_its_cores_and_retries_and_an_own_cluster_has_the_least_object_store(
    cluster: Cluster, tmp_path: Path
) -> None:
    executor = RayTasks("", num_cpus=3, wants_gpu=True)
    assert isinstance(executor, Executor)
    assert (cluster.began["address"], cluster.began["object_store_memory"]) == ("local", OBJECT_STORE_BYTES)
    handle = executor.submit(task(tmp_path, "print('hello')"))
    assert isinstance(handle, Handle)
    assert cluster.asked == {"num_cpus": 3, "num_gpus": 0, "max_retries": 2}
    assert (handle.done(), handle.result(), (tmp_path / "rate-1.log").read_text()) == (True, 0, "hello\n")
    handle.stop()
    handle.stop(at_once=True)
    assert [force for _, force in cluster.cancelled] == [False, True]
    assert executor.submit(task(tmp_path, "import sys; sys.exit(3)")).result() == 1  # its worker was lost
    executor.close()
    assert cluster.began == {}


def test_a_gpu_is_asked_for_where_the_cluster_has_any(cluster: Cluster, tmp_path: Path) -> None:
    cluster.num_gpus = 4
    RayTasks("auto", num_cpus=1, wants_gpu=True).submit(task(tmp_path, ""))
    assert cluster.asked["num_gpus"] == 1
    assert cluster.began["address"] == "auto"
    assert "object_store_memory" not in cluster.began
    RayTasks("auto", num_cpus=1, wants_gpu=False).submit(task(tmp_path, ""))
    assert cluster.asked["num_gpus"] == 0


def test_a_cluster_that_is_not_there_is_one_sentence(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**how: Any) -> None:
        raise ConnectionError("Could not find any running Ray instance.\nPlease specify")

    monkeypatch.setattr(cluster, "init", fail)
    with pytest.raises(ConfigError, match=r"^--executor ray:nowhere: Could not find any running Ray instance\. Please"):
        RayTasks("nowhere", num_cpus=1, wants_gpu=False)


@pytest.mark.slow
def test_a_cluster_of_this_machine_runs_and_stops_tasks(tmp_path: Path) -> None:
    pytest.importorskip("ray")
    executor = RayTasks("", num_cpus=1, wants_gpu=False)
    try:
        done = executor.submit(task(tmp_path, "import os; print(os.getcwd())"))
        while not done.done():
            time.sleep(0.1)
        assert done.result() == 0
        assert (tmp_path / "rate-1.log").read_text() == f"{tmp_path}\n"
        endless = executor.submit(task(tmp_path, "open('begun', 'w'); import time; time.sleep(600)"))
        while not (tmp_path / "begun").exists():
            time.sleep(0.1)
        endless.stop()
        while not endless.done():
            time.sleep(0.1)
        assert endless.result() != 0
    finally:
        executor.close()
