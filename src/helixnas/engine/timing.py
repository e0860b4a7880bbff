"""Timing: median durations of calls that are compared, and a stopwatch for the total time of a training."""

import os
import statistics
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager

NUM_WARM_UPS = 2
"""Rounds before the first measured one."""


def median_seconds(
    calls: Mapping[str, Callable[[], object]], *, min_seconds: float = 2.0, min_rounds: int = 5
) -> dict[str, float]:
    """Return the median duration of each call in seconds.

    The calls take turns, so a temporary slowdown of the machine affects all of them, for at least `min_seconds` in total and
    `min_rounds`. Each must return only when its work is done; see `wait_for`.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(NUM_WARM_UPS):
        for call in calls.values():
            call()
    began = time.perf_counter()
    while time.perf_counter() - began < min_seconds or any(len(each) < min_rounds for each in times.values()):
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


def core_seconds() -> float:
    """Return the CPU time of this process so far, user and system, including threads and finished children."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


class Stopwatch:
    """Sums the wall-clock time and CPU time of pieces of work; the sums can be saved and restored.

    CPU time does not include the time of accelerators.
    """

    def __init__(self) -> None:
        self._sums = (0.0, 0.0)
        self._began: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        """Wall-clock seconds, up to now if it is running."""
        return self._now()[0]

    @property
    def core_seconds(self) -> float:
        """CPU seconds, up to now if it is running."""
        return self._now()[1]

    @contextmanager
    def running(self) -> Generator[None]:
        """Add the time of the context."""
        assert self._began is None, "the stopwatch is already running"
        self._began = (time.monotonic(), core_seconds())
        try:
            yield
        finally:
            self._sums, self._began = self._now(), None

    def _now(self) -> tuple[float, float]:
        if self._began is None:
            return self._sums
        seconds, cores = time.monotonic() - self._began[0], core_seconds() - self._began[1]
        return self._sums[0] + seconds, self._sums[1] + cores

    def state(self) -> dict[str, float]:
        """Return the sums up to now."""
        return dict(zip(("seconds", "core_seconds"), self._now(), strict=True))

    def restore(self, state: Mapping[str, float]) -> None:
        """Restore a `state`; time that is running is added to it."""
        self._sums = (state["seconds"], state["core_seconds"])


def duration(seconds: int | float) -> str:
    """Return a duration in the unit that suits it.

    >>> duration(0.25), duration(90), duration(7200), duration(1e7)
    ('0.25 s', '1 min 30 s', '2 h 0 min', '2,778 h')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min" if minutes < 6000 else f"{round(seconds / 3600):,} h"
