"""Jobs: long work in steps, with checkpoints between steps and a clean stop on a signal.

Ctrl-C and SIGTERM finish the current step, save, and raise `Interrupted`; a kill loses at most the work since the last
checkpoint. A resumed job gives the same result as an uninterrupted one.
"""

import logging
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, Protocol, TypeVar, runtime_checkable

import torch

from helixnas.engine import Stopwatch, load_checkpoint, save_checkpoint
from helixnas.engine.distributed.parallel import DataParallel
from helixnas.errors import Interrupted

SECONDS_BETWEEN_CHECKPOINTS = 30.0
"""A kill loses at most this much work, plus one step."""

_logger = logging.getLogger(__name__)

RecordT = TypeVar("RecordT", covariant=True)


@runtime_checkable
class Job(Protocol[RecordT]):
    """Work in steps whose state can be saved between two steps."""

    def __iter__(self) -> Iterator[RecordT]:
        """Continue from the current state, and yield a record per step."""
        ...

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume."""
        ...

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        ...


def run_job(
    job: Job[RecordT],
    *,
    checkpoint: Path,
    key: str,
    device: torch.device,
    log: Callable[[RecordT], None],
    history: Callable[[], dict[str, Any]] = dict,
    resume: Callable[[dict[str, Any]], None] = lambda history: None,
    watch: Stopwatch | None = None,
    parallel: DataParallel | None = None,
) -> None:
    """Run a job to its end, from its checkpoint if one with the same key exists.

    The key is a hash of the settings; the caller removes the checkpoint once the results are written. `history` returns plain
    values and tensors of the caller to save with the state, and `resume` receives them when the job is resumed. The stopwatch
    is restored then, so that it includes earlier processes. Of processes that train together (`parallel`), the first saves, and
    all stop when one is asked to.

    Raises:
        Interrupted: a signal asked to stop; the state is saved.
    """
    if checkpoint.is_file():
        saved = load_checkpoint(checkpoint, device)
        if saved.get("key") == key:
            threads, now = saved.get("num_threads"), torch.get_num_threads()
            if threads not in (None, now):
                _logger.warning(
                    "continuing with %d CPU threads what was begun with %d; results may differ in their last digits",
                    *(now, threads),
                )
            job.restore(saved["job"])
            resume(saved["history"])
            if watch is not None and "spent" in saved:
                watch.restore(saved["spent"])

    def save() -> None:
        if parallel is not None and parallel.rank:
            return
        save_state(job, checkpoint=checkpoint, key=key, history=history(), watch=watch)

    saved_at = time.monotonic()
    with stop_requests() as asked:
        for record in job:
            log(record)
            if asked() if parallel is None else parallel.agreed(asked()):
                save()
                raise Interrupted("stopped; everything so far is saved")
            if time.monotonic() - saved_at > SECONDS_BETWEEN_CHECKPOINTS:
                save()
                saved_at = time.monotonic()


def save_state(
    job: Job[RecordT], *, checkpoint: Path, key: str, history: dict[str, Any], watch: Stopwatch | None
) -> None:
    """Save the state of a job, for `run_job` to resume from."""
    spent = {} if watch is None else {"spent": watch.state()}
    state = {"key": key, "num_threads": torch.get_num_threads(), "job": job.state(), "history": history, **spent}
    save_checkpoint(checkpoint, state)


@contextmanager
def stop_requests() -> Generator[Callable[[], bool]]:
    """Yield a function that returns whether SIGINT or SIGTERM has arrived, so that the caller can stop between two steps.

    A second signal stops at once.
    """
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    received: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if received:
            raise Interrupted("stopped at once; the work since the last checkpoint is lost")
        received.append(number)
        again = "Ctrl-C" if number == signal.SIGINT else signal.Signals(number).name
        _logger.warning(
            "stopping after the present step, to save what is done; a second %s stops at once, and the work since the last "
            "checkpoint is lost",
            again,
        )

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(received)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
