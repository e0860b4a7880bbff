import pytest

from helixnas.engine import Stopwatch, median_seconds, timing
from helixnas.engine.timing import core_seconds, duration


def test_calls_take_turns_and_the_median_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = [0.0], list[str]()
    durations = {"fast": iter([9.0, 9.0, 1.0, 2.0, 3.0]), "slow": iter([9.0, 9.0, 10.0, 30.0, 20.0])}

    def call(name: str) -> None:
        order.append(name)
        now[0] += next(durations[name])

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    found = median_seconds({name: lambda name=name: call(name) for name in durations}, min_seconds=0.0, min_rounds=3)
    assert found == {"fast": 2.0, "slow": 20.0}
    assert order == ["fast", "slow"] * (timing.NUM_WARM_UPS + 3)


def test_measuring_goes_on_for_as_long_as_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]

    def call() -> None:
        now[0] += 1.0

    monkeypatch.setattr(timing.time, "perf_counter", lambda: now[0])
    assert median_seconds({"it": call}, min_seconds=20.0, min_rounds=1) == {"it": 1.0}
    assert now[0] == timing.NUM_WARM_UPS + 20.0


def test_a_stopwatch_adds_up_pieces_on_the_clock_and_of_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, cores = iter([10.0, 12.0, 20.0, 21.0]), iter([5.0, 9.0, 30.0, 32.0])
    monkeypatch.setattr(timing.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(timing, "core_seconds", lambda: next(cores))
    watch = Stopwatch()
    for _ in range(2):
        with watch.running():
            pass
    assert watch.state() == {"seconds": 3.0, "core_seconds": 6.0}


def test_sums_taken_up_are_those_before_what_is_running(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([10.0, 14.0])
    cores = iter([1.0, 4.0])
    monkeypatch.setattr(timing.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(timing, "core_seconds", lambda: next(cores))
    watch = Stopwatch()
    with watch.running():
        watch.restore({"seconds": 100.0, "core_seconds": 200.0})
    assert watch.seconds == 104.0
    assert watch.core_seconds == 203.0


def test_core_seconds_count_work_of_this_process() -> None:
    before = core_seconds()
    while core_seconds() - before < 0.02:
        sum(range(10_000))
    assert core_seconds() > before


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.009, "0.009 s"), (119.7, "2 min 0 s"), (3600, "1 h 0 min"), (359_999, "99 h 59 min"), (360_000, "100 h")],
)
def test_times_are_in_a_unit_that_suits_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
