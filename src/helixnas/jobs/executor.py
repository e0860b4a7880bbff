"""Executor: starts tasks somewhere and says when they are over. The three of them are thin: on processes, Ray and Slurm.

An executor decides nothing. Which jobs are left, who has them and which to try again is in the run folder
(`helixnas.jobs.control`).
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

SECONDS_TO_SAVE = 120.0
"""A process that was asked to stop has this long to save its state."""

SECONDS_BETWEEN_LOOKS = 0.05
"""Time between two looks at a process."""

PARENT = "HELIXNAS_PARENT"
"""Environment variable of a task's process: the number of the worker process that waits for it."""

STOPPED = -1
"""Exit code of a task that was stopped before it began."""


_SIGNAL_WHEN_PARENT_ENDS = 1
"""PR_SET_PDEATHSIG of prctl(2)."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """A command to run in a process of its own, in `folder`; its output is added to the file `log`."""

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """Added to that of the worker."""

    def start(self, *, own_session: bool = False, ends_with_worker: bool = False) -> "subprocess.Popen[bytes]":
        """Start the process; in a session of its own, Ctrl-C in a terminal does not reach it.

        One that ends with the worker that starts it asks the system for that (`end_with_worker`).
        """
        parent = {PARENT: str(os.getpid())} if ends_with_worker else {}
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            return subprocess.Popen(
                self.command,
                cwd=self.folder,
                env={**os.environ, **parent, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=own_session,
            )

    def __call__(self) -> int:
        """Run the process to its end and return its exit code; if this is interrupted, let the process save and end."""
        process = self.start(ends_with_worker=True)
        try:
            while process.poll() is None:
                time.sleep(SECONDS_BETWEEN_LOOKS)  # Ray interrupts Python code, but not a wait of the system
            return process.wait()
        except BaseException:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(SECONDS_TO_SAVE)
            process.kill()
            raise


def end_with_worker() -> None:
    """Let Linux kill this process when the worker that waits for it is gone, as when Ray kills one whose task hangs.

    Else the process would keep the lock of its job, and no other worker could take it up. Does nothing in a process that no
    worker waits for, and on other systems.
    """
    worker = int(os.environ.pop(PARENT, "0"))
    if worker and sys.platform == "linux":
        ctypes.CDLL(None).prctl(_SIGNAL_WHEN_PARENT_ENDS, signal.SIGKILL)
        if os.getppid() != worker:  # it ended before
            os.kill(os.getpid(), signal.SIGKILL)


@runtime_checkable
class Handle(Protocol):
    """A task that was submitted."""

    def done(self) -> bool:
        """Return whether the task is over."""
        ...

    def result(self) -> int:
        """Return the exit code of a task that is over; not 0 if its worker was lost."""
        ...

    def stop(self, *, at_once: bool = False) -> None:
        """Ask the task to save and end; `at_once` kills it."""
        ...


@runtime_checkable
class Executor(Protocol):
    """Runs tasks, as many at a time as it has room for; the others wait."""

    def submit(self, task: Task) -> Handle:
        """Submit a task."""
        ...

    def close(self) -> None:
        """Release what the executor holds, once all tasks are over."""
        ...
