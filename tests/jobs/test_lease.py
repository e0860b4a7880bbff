"""Leases: who is at work, who was, and who may take over."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, Interrupted, NonFiniteLossError, OutOfMemoryError
from helixnas.jobs import lease as module
from helixnas.jobs.lease import SECONDS_UNTIL_LOST, Lease, cost_of_jobs, leased, leases_of, load_lease


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder(tmp_path / "run")


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heartbeats every hundredth of a second."""
    monkeypatch.setattr(module, "SECONDS_BETWEEN_HEARTBEATS", 0.01)


@pytest.fixture
def terminable() -> Iterator[None]:
    """SIGTERM is a request to stop, as in the command line."""

    def stop(number: int, frame: object) -> None:
        raise Interrupted("terminated")

    before = signal.signal(signal.SIGTERM, stop)
    yield
    signal.signal(signal.SIGTERM, before)


def test_a_worker_holds_the_lease_while_it_works_and_leaves_it_as_done(folder: RunFolder) -> None:
    with leased(folder, "distill-2") as lease:
        held = load_lease(folder.lease("distill-2"))
        assert held is not None
        assert (held.attempt, held.state, held.is_alive, held.number) == (lease.attempt, "running", True, 1)
        with (
            pytest.raises(ArtifactError, match=r"process \d+ is at work in .*run \(distill-2\); wait for it"),
            leased(folder, "distill-2"),
        ):
            pass
        with leased(folder, "distill-1"):  # another job runs beside it
            pass
    assert [(one.job, one.state) for one in leases_of(folder)] == [("distill-1", "done"), ("distill-2", "done")]


def test_the_cost_of_a_stage_s_jobs_is_the_processor_time_of_all_attempts(folder: RunFolder) -> None:
    assert cost_of_jobs(folder, "key") is None
    for job in ("rate-1", "rate-1", "rate-2"):
        with leased(folder, job, "key"):
            until = time.process_time() + 0.1
            while time.process_time() < until:
                pass
    with leased(folder, "distill-1", "another"):
        pass
    first, second = (lease.attempts for lease in leases_of(folder) if lease.key == "key")
    spent = [attempt.core_seconds for attempt in (*first, *second) if attempt.core_seconds is not None]
    assert len(spent) == 3
    assert 0.05 < min(spent) <= max(spent) < 5.0
    assert cost_of_jobs(folder, "key") == pytest.approx(sum(spent))
    Lease(job="rate-3", key="key", state="done").save(folder.lease("rate-3"))  # of an older version
    assert cost_of_jobs(folder, "key") is None


@pytest.mark.parametrize(
    ("error", "state", "reason", "is_final"),
    [
        (NonFiniteLossError("the loss of block 1 is nan"), "failed", "the loss of block 1 is nan", True),
        (ConfigError("no"), "failed", "no", True),
        (OutOfMemoryError("out of memory"), "failed", "out of memory", False),
        (ArtifactError("the disk is full"), "failed", "the disk is full", False),
        (RuntimeError("two\nlines"), "failed", "RuntimeError: two lines", False),
        (Interrupted("stopped; everything so far is saved"), "stopped", "stopped; everything so far is saved", False),
        (KeyboardInterrupt(), "stopped", "stopped", False),
    ],
)
def test_an_error_ends_the_attempt_with_its_reason_and_whether_it_would_repeat_itself(
    folder: RunFolder, error: BaseException, state: str, reason: str, is_final: bool
) -> None:
    with pytest.raises(type(error)), leased(folder, "rate-1"):
        raise error
    (lease,) = leases_of(folder)
    assert (lease.state, lease.reason, lease.is_final, lease.is_alive) == (state, reason, is_final, False)
    with leased(folder, "rate-1") as again:
        assert again.number == 2


def test_a_worker_of_another_machine_is_alive_until_its_heartbeat_is_too_old(folder: RunFolder) -> None:
    there = Lease(job="rate-1", host="elsewhere", process=1)
    there.save(folder.lease("rate-1"))
    with (
        pytest.raises(ArtifactError, match=r"process 1 on elsewhere is at work in .*run \(rate-1\); wait for it"),
        leased(folder, "rate-1"),
    ):
        pass
    replace(there, heartbeat=time.time() - SECONDS_UNTIL_LOST - 1).save(folder.lease("rate-1"))
    with leased(folder, "rate-1") as lease:
        assert lease.number == 2


def test_a_process_of_this_machine_that_has_ended_is_not_alive_however_young_its_heartbeat() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        lease = Lease(job="a", process=process.pid, process_began=psutil.Process(process.pid).create_time())
        assert lease.is_alive
        assert not replace(lease, process_began=lease.process_began - 60).is_alive  # another process of that number
        process.kill()
        while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not lease.is_alive  # it has ended, although nobody has asked how
    assert not lease.is_alive


def test_heartbeats_renew_the_lease(folder: RunFolder, often: None) -> None:
    with leased(folder, "a") as lease:
        until = time.monotonic() + 30
        while (found := load_lease(folder.lease("a"))) is None or found.heartbeat == lease.heartbeat:
            assert time.monotonic() < until
            time.sleep(0.005)
        assert replace(found, heartbeat=lease.heartbeat, core_seconds=lease.core_seconds) == lease


def test_a_worker_whose_lease_was_taken_over_stops_and_leaves_the_lease_alone(
    folder: RunFolder, often: None, terminable: None
) -> None:
    other = Lease(job="a", host="elsewhere")

    def take_over() -> None:
        for _ in range(3000):  # a heartbeat may be under way that overwrites the first
            other.save(folder.lease("a"))
            time.sleep(0.01)

    with pytest.raises(Interrupted), leased(folder, "a"):
        take_over()
    assert load_lease(folder.lease("a")) == other


def test_attempts_with_the_same_settings_are_kept_and_their_times_add_up(folder: RunFolder) -> None:
    with pytest.raises(KeyboardInterrupt), leased(folder, "rate-1", "one"):
        raise KeyboardInterrupt
    gone = load_lease(folder.lease("rate-1"))
    assert gone is not None
    replace(gone, state="running", host="elsewhere", heartbeat=gone.began - SECONDS_UNTIL_LOST).save(
        folder.lease("rate-1")
    )
    with leased(folder, "rate-1", "one") as lease:
        assert [attempt.state for attempt in lease.attempts] == ["lost", "running"]
        assert lease.earlier[0].worker == f"process {gone.process} on elsewhere"
    (done,) = leases_of(folder)
    assert [attempt.state for attempt in done.attempts] == ["lost", "done"]
    assert done.earlier[0].seconds == 0.0  # its heartbeat was set back
    assert done.seconds == pytest.approx(done.heartbeat - done.began)
    with leased(folder, "rate-1", "other") as lease:
        assert (lease.earlier, lease.number) == ((), 3)


def test_only_the_last_attempts_are_kept(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_ATTEMPTS", 3)
    for _ in range(6):
        with leased(folder, "a"):
            pass
    (last,) = leases_of(folder)
    assert (len(last.earlier), last.number) == (3, 6)


def test_leases_are_listed_in_the_order_of_their_numbers(folder: RunFolder) -> None:
    for job in ("rate-10", "rate-2-cell-1", "rate-2", "distill-3"):
        Lease(job=job).save(folder.lease(job))
    assert [lease.job for lease in leases_of(folder)] == ["distill-3", "rate-2", "rate-2-cell-1", "rate-10"]


def test_a_damaged_lease_counts_as_none(folder: RunFolder) -> None:
    folder.jobs.mkdir(parents=True)
    folder.lease("a").write_text("{")
    assert load_lease(folder.lease("a")) is None
    with leased(folder, "a") as lease:
        assert lease.number == 1
