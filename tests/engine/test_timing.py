import pytest

from helixnas.engine import median_seconds, timing


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
