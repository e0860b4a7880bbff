"""Processes of this machine."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helixnas.jobs.executor import STOPPED, Handle, Task
from helixnas.jobs.local import Local

WAIT = "import pathlib, sys, time; pathlib.Path(sys.argv[1]).touch(); time.sleep(float(sys.argv[2]))"


@pytest.fixture
def task(tmp_path: Path) -> Callable[[str, float], Task]:
    """Return a function that makes a task which touches a file of its name and then sleeps."""
    return lambda name, seconds: Task(
        name=name,
        command=(sys.executable, "-c", WAIT, name, str(seconds)),
        folder=tmp_path,
        log=tmp_path / f"{name}.log",
    )


def wait_for(handle: Handle) -> int:
    until = time.monotonic() + 60
    while not handle.done():
        assert time.monotonic() < until
        time.sleep(0.01)
    return handle.result()


def wait_until_there(file: Path) -> None:
    until = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_tasks_beyond_the_number_of_workers_wait(task: Callable[[str, float], Task], tmp_path: Path) -> None:
    local = Local(1)
    first, second = local.submit(task("first", 60)), local.submit(task("second", 0))
    wait_until_there(tmp_path / "first")
    assert not (tmp_path / "second").exists()
    first.stop()
    assert wait_for(first) == -signal.SIGTERM
    assert wait_for(second) == 0
    assert (tmp_path / "second").exists()
    local.close()


def test_a_task_can_be_killed_and_one_that_waits_never_begins(
    task: Callable[[str, float], Task], tmp_path: Path
) -> None:
    local = Local(1)
    first, second = local.submit(task("first", 60)), local.submit(task("second", 0))
    wait_until_there(tmp_path / "first")
    second.stop()
    first.stop(at_once=True)
    assert wait_for(first) == -signal.SIGKILL
    assert wait_for(second) == STOPPED
    assert not (tmp_path / "second").exists()
    first.stop()  # nothing is left to stop
    local.close()
