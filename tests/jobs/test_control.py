"""The controller: jobs that work, fail, vanish, hang, or belong to another."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, JobError
from helixnas.jobs import control
from helixnas.jobs.control import Job, run_jobs
from helixnas.jobs.executor import Task
from helixnas.jobs.lease import SECONDS_UNTIL_LOST, Lease, leased, load_lease

Behaviour = Callable[[], int | None]
"""Does an attempt and returns its exit code; None while it hangs."""


@dataclass(eq=False)
class Attempt:
    executor: "Scripted"
    code: int | None
    stopped: list[bool] = field(default_factory=list[bool])

    def done(self) -> bool:
        return self.code is not None

    def result(self) -> int:
        assert self.code is not None
        return self.code

    def stop(self, *, at_once: bool = False) -> None:
        self.stopped.append(at_once)
        self.code = -9 if at_once else -15


class Scripted:
    """An executor whose tasks are functions of their name; every attempt is kept."""

    def __init__(self, **behaviours: Behaviour) -> None:
        self.behaviours = behaviours
        self.attempts: dict[str, list[Attempt]] = {name: [] for name in behaviours}

    def submit(self, task: Task) -> Attempt:
        attempt = Attempt(self, self.behaviours[task.name]())
        self.attempts[task.name].append(attempt)
        return attempt

    def close(self) -> None:
        pass

    @property
    def numbers(self) -> dict[str, int]:
        return {name: len(attempts) for name, attempts in self.attempts.items()}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control, "SECONDS_BETWEEN_LOOKS", 0.001)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


def job(folder: RunFolder, name: str) -> Job:
    """A job that is done when its file is there."""
    return Job(
        task=Task(name=name, command=(), folder=folder.path, log=folder.jobs / f"{name}.log"),
        checkpoint=folder.checkpoint(name),
        is_done=(folder.path / name).is_file,
    )


def succeed(folder: RunFolder, name: str) -> int:
    with leased(folder, name):
        (folder.path / name).touch()
    return 0


def fail(folder: RunFolder, name: str, error: Exception) -> int:
    with pytest.raises(type(error)), leased(folder, name):
        raise error
    return 2


def vanish(folder: RunFolder, name: str, *, saves: bool = False) -> int:
    """Leave a lease as a killed worker does."""
    before = load_lease(folder.lease(name))
    number = 1 if before is None else before.number + 1
    Lease(job=name, process=2**22 + 1, number=number).save(folder.lease(name))  # no process has such a number
    if saves:
        folder.checkpoint(name).parent.mkdir(exist_ok=True)
        folder.checkpoint(name).write_text("")
        time.sleep(0.01)  # file systems have times of milliseconds
    return -9


def test_jobs_that_are_left_are_run_and_those_that_are_done_are_not(folder: RunFolder, listener: Any) -> None:
    succeed(folder, "b")
    executor = Scripted(**{name: lambda name=name: succeed(folder, name) for name in "abc"})
    run_jobs([job(folder, name) for name in "abc"], executor, folder, listener)
    assert executor.numbers == {"a": 1, "b": 0, "c": 1}
    assert [said.split(" (")[0] for said in listener.said] == ["a: done", "c: done"]


def test_a_job_that_fails_three_times_is_reported_with_its_reason_and_the_others_finish(
    folder: RunFolder, listener: Any
) -> None:
    executor = Scripted(a=lambda: fail(folder, "a", RuntimeError("cannot allocate")), b=lambda: succeed(folder, "b"))
    with pytest.raises(
        JobError, match=r"^1 of 2 jobs failed: a: RuntimeError: cannot allocate; the others are done; th"
    ):
        run_jobs([job(folder, "a"), job(folder, "b")], executor, folder, listener)
    assert executor.numbers == {"a": 3, "b": 1}
    assert listener.said.count("a: starts again: RuntimeError: cannot allocate") == 2
    assert "a: given up: RuntimeError: cannot allocate" in listener.said


def test_a_failure_that_would_repeat_itself_is_reported_at_once(folder: RunFolder) -> None:
    executor = Scripted(a=lambda: fail(folder, "a", ConfigError("no such score")))
    with pytest.raises(JobError, match=r"^1 of 1 jobs failed: a: no such score; their logs are in .*jobs$"):
        run_jobs([job(folder, "a")], executor, folder, Reporter())
    assert executor.numbers == {"a": 1}


def test_a_process_that_dies_before_it_has_a_lease_is_known_by_the_last_line_of_its_log(folder: RunFolder) -> None:
    def die() -> int:
        folder.jobs.mkdir(parents=True, exist_ok=True)
        (folder.jobs / "a.log").write_text("Traceback\nhelixnas: no run in there\n\n")
        return 2

    with pytest.raises(JobError, match=r"failed: a: no run in there;"):
        run_jobs([job(folder, "a")], Scripted(a=die), folder, Reporter())
    with pytest.raises(JobError, match=r"failed: b: exit code 7;"):
        run_jobs([job(folder, "b")], Scripted(b=lambda: 7), folder, Reporter())


def test_a_job_whose_workers_die_goes_on_as_long_as_each_saved_something(folder: RunFolder, listener: Any) -> None:
    attempts = iter([*[lambda: vanish(folder, "a", saves=True)] * 5, lambda: succeed(folder, "a")])
    executor = Scripted(a=lambda: next(attempts)())
    run_jobs([job(folder, "a")], executor, folder, listener)
    assert executor.numbers == {"a": 6}
    assert listener.said[0].startswith("a: goes on from its last checkpoint: process 4194305 on ")
    assert listener.said[0].endswith(" was lost")


def test_a_job_whose_workers_die_and_save_nothing_is_given_up(folder: RunFolder) -> None:
    executor = Scripted(a=lambda: vanish(folder, "a"))
    with pytest.raises(JobError, match=r"failed: a: process 4194305 on .* was lost"):
        run_jobs([job(folder, "a")], executor, folder, Reporter())
    assert executor.numbers == {"a": 3}


def test_a_job_that_another_worker_has_is_waited_for_and_taken_up_when_that_worker_falls_silent(
    folder: RunFolder,
) -> None:
    there = Lease(job="a", host="elsewhere")
    there.save(folder.lease("a"))
    looks = iter(range(1000))

    class Impatient(Reporter):
        """Lets the other worker fall silent after three looks."""

        def progress(self, title: str, total: int) -> Any:
            inner = super().progress(title, total)

            class Watching:
                def __enter__(self) -> Any:
                    inner.__enter__()
                    return watch

                def __exit__(self, *details: Any) -> Any:
                    return inner.__exit__(*details)

            def watch(done: int, note: str = "", *, total: int | None = None) -> None:
                seen.append((note, executor.numbers["a"]))
                if next(looks) == 3:
                    replace(there, heartbeat=time.time() - SECONDS_UNTIL_LOST - 1).save(folder.lease("a"))

            return Watching()

    seen = list[tuple[str, int]]()
    executor = Scripted(a=lambda: succeed(folder, "a"))
    run_jobs([job(folder, "a")], executor, folder, Impatient())
    assert executor.numbers == {"a": 1}
    assert seen[:4] == [("1 at work", 0)] * 4


def test_a_worker_that_is_silent_for_too_long_is_killed_and_its_job_taken_up(folder: RunFolder) -> None:
    def hang() -> int | None:
        if folder.lease("a").exists():
            return succeed(folder, "a")
        Lease(job="a", host="elsewhere", heartbeat=time.time() - SECONDS_UNTIL_LOST - 1).save(folder.lease("a"))
        return None

    executor = Scripted(a=hang)
    run_jobs([job(folder, "a")], executor, folder, Reporter())
    first, second = executor.attempts["a"]
    assert (first.stopped, second.stopped) == ([True], [])


def test_a_request_to_stop_asks_the_workers_to_save_and_waits_for_them(folder: RunFolder) -> None:
    class Stopping(Reporter):
        def progress(self, title: str, total: int) -> Any:
            inner = super().progress(title, total)

            class Watching:
                def __enter__(self) -> Any:
                    inner.__enter__()
                    return stop

                def __exit__(self, *details: Any) -> Any:
                    return inner.__exit__(*details)

            def stop(*words: Any, **more: Any) -> None:
                raise KeyboardInterrupt

            return Watching()

    executor = Scripted(a=lambda: None, b=lambda: None)
    with pytest.raises(KeyboardInterrupt):
        run_jobs([job(folder, "a"), job(folder, "b")], executor, folder, Stopping())
    assert [attempt.stopped for name in "ab" for attempt in executor.attempts[name]] == [[False], [False]]
