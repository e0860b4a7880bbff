"""Local: processes of this machine."""

import subprocess
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from helixnas.jobs.executor import STOPPED, Task


@dataclass(eq=False)
class _Process:
    """A process that begins when there is room for it."""

    task: Task
    future: "Future[int] | None" = None
    process: "subprocess.Popen[bytes] | None" = None
    is_stopped: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)

    def run(self) -> int:
        with self.lock:
            if self.is_stopped:
                return STOPPED
            self.process = self.task.start(own_session=True)  # the controller alone decides on Ctrl-C
        return self.process.wait()

    def done(self) -> bool:
        return self.future is not None and self.future.done()

    def result(self) -> int:
        assert self.future is not None, "it was submitted"
        return self.future.result()

    def stop(self, *, at_once: bool = False) -> None:
        with self.lock:
            self.is_stopped = True
            if self.process is not None and self.process.poll() is None:
                self.process.kill() if at_once else self.process.terminate()


class Local:
    """Runs up to `num_workers` processes at a time."""

    def __init__(self, num_workers: int) -> None:
        self.pool = ThreadPoolExecutor(num_workers, thread_name_prefix="job")

    def submit(self, task: Task) -> _Process:
        """Submit a task."""
        process = _Process(task)
        process.future = self.pool.submit(process.run)
        return process

    def close(self) -> None:
        """Wait for the threads that wait for processes."""
        self.pool.shutdown()
