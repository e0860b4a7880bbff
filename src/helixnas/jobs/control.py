"""Control: submit the jobs of a run that are left, wait, and submit again those whose worker was lost.

All that is known about a job is in the run folder: its results say whether it is done, its lease who has it. So the controller
may itself be killed and started again, beside workers that go on.
"""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from helixnas.artifacts.files import read_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Advance, Reporter
from helixnas.engine.timing import duration
from helixnas.errors import ArtifactError, JobError
from helixnas.jobs.executor import SECONDS_TO_SAVE, Executor, Handle, Task
from helixnas.jobs.lease import Lease, load_lease

ATTEMPTS = 3
"""A job that fails so often in a row without saving anything new is given up."""

SECONDS_BETWEEN_LOOKS = 0.1
"""Time between two looks at up to ten jobs; in proportion for more, whose leases are more files to read."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that a process can do alone, from the files of a run, and that does nothing where it is done already."""

    task: Task
    checkpoint: Path
    """Its unfinished state: a job that saved something before its worker was lost did not fail for nothing."""

    is_done: Callable[[], bool]

    @property
    def name(self) -> str:
        """Name in leases and messages."""
        return self.task.name


@dataclass(eq=False)
class _Watched:
    """A job that is not done, and what is known of its attempts."""

    job: Job
    handle: Handle | None = None
    failures: int = 0
    reason: str = ""
    saved: float = 0.0
    """Time of the checkpoint's last change when the job was submitted."""

    before: str | None = None
    """The attempt whose lease was there when the job was submitted."""


def run_jobs(
    jobs: Sequence[Job],
    executor: Executor,
    folder: RunFolder,
    reporter: Reporter,
    *,
    finished: Callable[[Job], None] = lambda job: None,
) -> None:
    """Run jobs to their end, in order as far as the executor has room; those that are done already are left out.

    A job that another worker has, even one that an earlier controller started, is waited for. A job whose worker died goes on
    from its checkpoint on another. `finished` is called with every job that ends well.

    Raises:
        JobError: jobs failed three times in a row, or in a way that would repeat itself; the others are done.
        KeyboardInterrupt: asked to stop; workers that run were asked to save and have ended.
    """
    _Controller(jobs, executor, folder, reporter, finished).run()


@dataclass(eq=False)
class _Controller:
    jobs: Sequence[Job]
    executor: Executor
    folder: RunFolder
    reporter: Reporter
    finished: Callable[[Job], None]
    failed: dict[str, str] = field(default_factory=dict[str, str])

    def run(self) -> None:
        left = [_Watched(job) for job in self.jobs if not job.is_done()]
        total = len(left)
        with self.reporter.progress("jobs", total) as advance:
            try:
                while left:
                    left = [watched for watched in left if not self._look_after(watched)]
                    self._tell(left, total, advance)
                    time.sleep(SECONDS_BETWEEN_LOOKS * max(1.0, len(left) / 10) if left else 0.0)
            except BaseException:
                self._stop(left)
                raise
        if self.failed:
            raise JobError(self._failure(total))

    def _look_after(self, watched: _Watched) -> bool:
        """Do what a job needs now; return whether it is over."""
        lease = load_lease(self.folder.lease(watched.job.name))
        if watched.handle is None:
            if lease is not None and lease.is_alive:
                return False  # a worker that this controller did not start
            if watched.job.is_done():
                return self._finish(watched, lease)
            self._submit(watched, lease)
            return False
        if not watched.handle.done():
            is_own = lease is not None and lease.attempt != watched.before
            if is_own and lease is not None and lease.state == "running" and not lease.is_alive:
                watched.handle.stop(at_once=True)  # silent for too long; its process may hang
            return False
        code, watched.handle = watched.handle.result(), None
        if watched.job.is_done():
            return self._finish(watched, lease)
        if lease is not None and lease.is_alive:
            return False  # another worker has it
        return self._fail(watched, lease, code)

    def _submit(self, watched: _Watched, lease: Lease | None) -> None:
        watched.saved, watched.before = _changed(watched.job.checkpoint), None if lease is None else lease.attempt
        watched.handle = self.executor.submit(watched.job.task)

    def _finish(self, watched: _Watched, lease: Lease | None) -> bool:
        how = "" if lease is None else f" ({duration(lease.seconds)}) by {lease.worker}"
        self.reporter.say(f"{watched.job.name}: done{how}")
        self.finished(watched.job)
        return True

    def _fail(self, watched: _Watched, lease: Lease | None, code: int) -> bool:
        """Note that an attempt failed; return whether the job is given up."""
        own, job = (lease if lease is not None and lease.attempt != watched.before else None), watched.job
        watched.failures = 1 if _changed(job.checkpoint) > watched.saved else watched.failures + 1
        watched.reason = (
            own.reason if own is not None and own.reason else _last_line(job.task.log) or f"exit code {code}"
        )
        if own is not None and own.state == "running":
            watched.reason = f"{own.worker} was lost"
        is_over = watched.failures >= ATTEMPTS or (own is not None and own.is_final)
        then = (
            "given up"
            if is_over
            else "goes on from its last checkpoint"
            if job.checkpoint.is_file()
            else "starts again"
        )
        self.reporter.say(f"{job.name}: {then}: {watched.reason}")
        if is_over:
            self.failed[job.name] = watched.reason
        return is_over

    def _tell(self, left: Sequence[_Watched], total: int, advance: Advance) -> None:
        running = [lease for each in left if (lease := load_lease(self.folder.lease(each.job.name))) and lease.is_alive]
        advance(total - len(left), f"{len(running)} at work")

    def _failure(self, total: int) -> str:
        logs = f"their logs are in {self.folder.jobs}"
        reasons = "; ".join(f"{name}: {reason}" for name, reason in self.failed.items())
        others = "the others are done" if len(self.failed) < total else ""
        return "; ".join(filter(None, [f"{len(self.failed)} of {total} jobs failed: {reasons}", others, logs]))

    def _stop(self, left: Sequence[_Watched]) -> None:
        """Ask all workers that this controller started to save and end, and wait until they have."""
        running = [watched.handle for watched in left if watched.handle is not None]
        for handle in running:
            handle.stop()
        until = time.monotonic() + SECONDS_TO_SAVE
        while not all(handle.done() for handle in running):
            if time.monotonic() > until:
                for handle in running:
                    handle.stop(at_once=True)
                until = math.inf
            time.sleep(SECONDS_BETWEEN_LOOKS)


def _changed(file: Path) -> float:
    """Return when a file was changed last; 0 where there is none."""
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _last_line(log: Path) -> str:
    """Return the last line of a log, empty where there is none."""
    try:
        lines = read_text(log).split("\n")
    except ArtifactError:
        return ""
    return next((line.strip().removeprefix("helixnas: ") for line in reversed(lines) if line.strip()), "")
