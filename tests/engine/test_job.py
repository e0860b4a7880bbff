"""A job resumes from its checkpoint, stops cleanly when asked to, and leaves the signal handlers as they were."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from helixnas.engine import Stopwatch, job, load_checkpoint
from helixnas.engine.job import run_job, save_state, stop_requests
from helixnas.errors import Interrupted

CPU = torch.device("cpu")


class Counting:
    """Counts to a number, a step at a time; `at` is called in every step."""

    def __init__(self, end: int, at: Callable[[int], None] = lambda number: None) -> None:
        self.end, self.at, self.number = end, at, 0

    def __iter__(self) -> Iterator[int]:
        """Yield the numbers."""
        while self.number < self.end:
            self.number += 1
            self.at(self.number)
            yield self.number

    def state(self) -> dict[str, Any]:
        """Return the number."""
        return {"number": self.number}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore the number."""
        self.number = state["number"]


def interrupting(number: int, at: int) -> Callable[[int], None]:
    def signalled(step: int) -> None:
        if step == at:
            os.kill(os.getpid(), number)

    return signalled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_after_its_step_and_the_job_resumes_with_its_history(tmp_path: Path, number: int) -> None:
    checkpoint, seen, watch = tmp_path / "job.pt", list[int](), Stopwatch()

    def run(counting: Counting) -> None:
        run_job(
            counting,
            checkpoint=checkpoint,
            key="a",
            device=CPU,
            log=seen.append,
            history=lambda: {"seen": list(seen)},
            resume=lambda history: seen.extend(history["seen"]),
            watch=watch,
        )

    with pytest.raises(Interrupted, match="stopped; everything so far is saved"):
        run(Counting(5, interrupting(number, 2)))
    assert seen == [1, 2]
    saved = load_checkpoint(checkpoint, CPU)
    assert (saved["key"], saved["job"], saved["history"]) == ("a", {"number": 2}, {"seen": [1, 2]})
    seen.clear()
    saved["spent"] = {"seconds": 50.0, "core_seconds": 70.0}
    torch.save(saved, checkpoint)
    run(Counting(5))
    assert seen == [1, 2, 3, 4, 5]
    assert (watch.seconds, watch.core_seconds) == (50.0, 70.0)
    assert checkpoint.is_file()  # the caller removes it once the results are written


def test_a_job_that_is_continued_on_another_number_of_threads_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run() -> None:
        run_job(Counting(3), checkpoint=tmp_path / "job.pt", key="a", device=CPU, log=lambda number: None)

    save_state(Counting(3), checkpoint=tmp_path / "job.pt", key="a", history={}, watch=None)
    run()
    assert caplog.text == ""
    threads = torch.get_num_threads()
    monkeypatch.setattr("torch.get_num_threads", lambda: threads + 1)
    run()
    assert f"continuing with {threads + 1} CPU threads what was begun with {threads}; results may differ" in caplog.text


def test_a_checkpoint_of_other_settings_is_ignored(tmp_path: Path) -> None:
    half, seen = Counting(4), list[int]()
    half.number = 2
    save_state(half, checkpoint=tmp_path / "job.pt", key="a", history={}, watch=None)
    run_job(Counting(4), checkpoint=tmp_path / "job.pt", key="b", device=CPU, log=seen.append)
    assert seen == [1, 2, 3, 4]


def test_a_job_is_saved_whenever_enough_time_has_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "SECONDS_BETWEEN_CHECKPOINTS", 0.0)
    saved: list[int] = []

    def log(record: int) -> None:
        if record > 1:
            saved.append(load_checkpoint(tmp_path / "job.pt", CPU)["job"]["number"])

    run_job(Counting(3), checkpoint=tmp_path / "job.pt", key="a", device=CPU, log=log)
    assert saved == [1, 2]


def test_an_error_of_the_job_passes_through_and_leaves_no_checkpoint(tmp_path: Path) -> None:
    def fail(step: int) -> None:
        raise ValueError(step)

    with pytest.raises(ValueError, match="1"):
        run_job(Counting(3, fail), checkpoint=tmp_path / "job.pt", key="a", device=CPU, log=lambda record: None)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_the_first_signal_is_answered_at_once(number: int, name: str, caplog: pytest.LogCaptureFixture) -> None:
    with stop_requests():
        assert not caplog.messages
        os.kill(os.getpid(), number)
        assert caplog.messages == [
            f"stopping after the present step, to save what is done; a second {name} stops at once, and the work since the last "
            "checkpoint is lost"
        ]


def test_handlers_come_back_and_a_second_signal_stops_at_once() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with stop_requests() as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGTERM)
        assert asked()
        with pytest.raises(Interrupted, match="stopped at once; the work since the last checkpoint is lost"):
            os.kill(os.getpid(), signal.SIGINT)
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before


def test_signals_are_left_alone_outside_the_main_thread() -> None:
    before, answers = signal.getsignal(signal.SIGINT), list[object]()

    def work() -> None:
        with stop_requests() as asked:
            answers.extend([asked(), signal.getsignal(signal.SIGINT)])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [False, before]
