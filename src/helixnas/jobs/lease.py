"""Lease: who works on a job of a run, and whether it is still alive; a file of the run folder with a heartbeat.

Whatever started a worker, whoever sees the run folder sees its lease. A worker that dies leaves its lease as it was: the
process is gone, or the heartbeat grows old, and another may take the job up from its checkpoint. On one machine, and on file
systems that share locks, a lock excludes a second worker as well; elsewhere two may meet for some seconds. They then compute
the same bits and write whole files, so this wastes time and nothing else.
"""

import os
import platform
import re
import signal
import threading
import time
import uuid
from _thread import interrupt_main
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar, Literal

import psutil

from helixnas.artifacts.record import Record
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.timing import core_seconds
from helixnas.errors import ArtifactError, HelixError, Interrupted, OutOfMemoryError, on_one_line

SECONDS_BETWEEN_HEARTBEATS = 5.0
"""A worker renews its lease this often."""

SECONDS_UNTIL_LOST = 180.0
"""Age of a heartbeat from which on its worker counts as dead. Clocks of machines that share a run must agree better."""

MOST_ATTEMPTS = 50
"""Earlier attempts that a lease lists, so that it stays small however often a worker is lost."""

State = Literal["running", "done", "failed", "stopped"]


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """The time in which one worker had a job."""

    worker: str
    host: str
    began: float
    """Seconds since 1970, like `ended`."""

    ended: float
    """The last heartbeat, where the worker was lost or is still at work."""

    state: Literal["running", "done", "failed", "stopped", "lost"]

    core_seconds: float | None = None
    """Its processor time, user and system; None in older runs."""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return max(0.0, self.ended - self.began)


@dataclass(frozen=True, kw_only=True)
class Lease(Record):
    """The last attempt at a job, and the attempts before it."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas lease", 1)
    MEND: ClassVar[str] = "delete it; the job goes on from its checkpoint"

    job: str
    host: str = field(default_factory=platform.node)
    process: int = field(default_factory=os.getpid)
    process_began: float = field(default_factory=lambda: psutil.Process().create_time())
    """Tells the process from a later one of the same number."""

    attempt: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Tells this attempt from others."""

    number: int = 1
    """Attempts at the job so far, this one included."""

    began: float = field(default_factory=time.time)
    """Seconds since 1970, like `heartbeat`."""

    heartbeat: float = field(default_factory=time.time)
    core_seconds: float | None = None
    """Processor time of the attempt until the heartbeat; None in older runs."""

    state: State = "running"
    reason: str = ""
    """Why the attempt failed, in one sentence."""

    is_final: bool = False
    """Whether another attempt would fail in the same way."""

    key: str = ""
    """Key of the stage that the job is a part of; empty in older runs."""

    earlier: tuple[Attempt, ...] = ()
    """Attempts before this one with the same key, at most `MOST_ATTEMPTS`."""

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """All attempts with the key of this one, in order."""
        state = "lost" if self.state == "running" and not self.is_alive else self.state
        own = Attempt(
            worker=self.worker,
            host=self.host,
            began=self.began,
            ended=self.heartbeat,
            state=state,
            core_seconds=self.core_seconds,
        )
        return (*self.earlier, own)

    @property
    def seconds(self) -> float:
        """Time of all attempts together: a later one goes on from the checkpoint of the one before."""
        return sum(attempt.seconds for attempt in self.attempts)

    @property
    def worker(self) -> str:
        """The worker in words."""
        return f"process {self.process} on {self.host}"

    @property
    def is_alive(self) -> bool:
        """Whether the worker is at work, as far as can be seen from here."""
        if self.state != "running" or time.time() - self.heartbeat > SECONDS_UNTIL_LOST:
            return False
        return self.host != platform.node() or self._is_running()

    def _is_running(self) -> bool:
        """Return whether the worker's process runs on this machine."""
        try:
            process = psutil.Process(self.process)
            is_same = abs(process.create_time() - self.process_began) < 1.0
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
        except psutil.Error:
            return True


def load_lease(file: Path) -> Lease | None:
    """Read a lease; None where the job was never begun, or the file is damaged."""
    if not file.is_file():
        return None
    with suppress(ArtifactError):
        return Lease.load(file)
    return None


def leases_of(folder: RunFolder) -> list[Lease]:
    """Return the leases of a run's jobs by name, numbers in their order: rate-2 before rate-10."""
    found = (load_lease(file) for file in folder.jobs.glob("*.json"))
    return sorted(filter(None, found), key=lambda lease: _in_order(lease.job))


def cost_of_jobs(folder: RunFolder, key: str) -> float | None:
    """Return the processor time in seconds of all attempts at the jobs of a stage, by its key; None if one is not known."""
    spent = [attempt.core_seconds for lease in leases_of(folder) if lease.key == key for attempt in lease.attempts]
    known = [seconds for seconds in spent if seconds is not None]
    return sum(known) if spent and len(known) == len(spent) else None


def _in_order(name: str) -> list[tuple[int, str]]:
    return [(int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", name)]


@contextmanager
def leased(folder: RunFolder, job: str, key: str = "") -> Generator[Lease]:
    """Hold the lease of a job while the context lasts, and note at its end how the attempt ended.

    The lease lists earlier attempts with the same `key`, that of the job's stage.

    If another worker takes the lease over because this one was silent for too long, this one is asked to stop as by SIGTERM.
    Raises `ArtifactError` if another worker is at work on the job.
    """
    with folder.locked(f"-{job}"):
        file = folder.lease(job)
        before = load_lease(file)
        if before is not None and before.is_alive:
            raise ArtifactError(f"{before.worker} is at work in {folder.path} ({job}); wait for it")
        number, earlier = (1, ()) if before is None else (before.number + 1, before.attempts[-MOST_ATTEMPTS:])
        is_same = before is not None and before.key == key
        lease = Lease(job=job, number=number, key=key, core_seconds=0.0, earlier=earlier if is_same else ())
        lease.save(file)
        heartbeat = _Heartbeat(lease, file)
        heartbeat.start()
        try:
            yield lease
        except BaseException as error:
            heartbeat.end(_ended(lease, error))
            raise
        heartbeat.end(replace(lease, state="done"))


def _ended(lease: Lease, error: BaseException) -> Lease:
    """Return the lease of an attempt that ended by an error."""
    if isinstance(error, KeyboardInterrupt):
        return replace(lease, state="stopped", reason=str(error) if isinstance(error, Interrupted) else "stopped")
    is_final = isinstance(error, HelixError) and not isinstance(error, ArtifactError | OutOfMemoryError)
    reason = str(error) if isinstance(error, HelixError) else f"{type(error).__name__}: {on_one_line(error)}"
    return replace(lease, state="failed", reason=reason, is_final=is_final)


class _Heartbeat(threading.Thread):
    """Renews a lease until it is over, or another worker has it."""

    def __init__(self, lease: Lease, file: Path) -> None:
        super().__init__(name=f"heartbeat of {lease.job}", daemon=True)
        self.lease, self.file, self.spent_before = lease, file, core_seconds()
        self.over = threading.Event()
        self.is_lost = False

    def run(self) -> None:
        while not self.over.wait(SECONDS_BETWEEN_HEARTBEATS):
            found = load_lease(self.file)
            if found is not None and found.attempt != self.lease.attempt:
                self.is_lost = True
                interrupt_main(signal.SIGTERM)
                return
            self._save(self.lease)

    def end(self, lease: Lease) -> None:
        """Write the last state of the lease, unless another worker has it."""
        self.over.set()
        self.join()
        if not self.is_lost:
            self._save(lease)

    def _save(self, lease: Lease) -> None:
        with suppress(ArtifactError):  # the work goes on while a disk is full; the next heartbeat may be written
            spent = core_seconds() - self.spent_before
            replace(lease, heartbeat=time.time(), core_seconds=round(spent, 3)).save(self.file)
