"""List scheduling: jobs on equal workers, the longest first, each to the worker that is free first (Graham, 1969).

No schedule ends before the longest job, nor before the mean load of the workers. This one takes at most
4/3 - 1/(3 n) times as long as the shortest schedule of n workers.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush

from helixnas.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Placed:
    """A job on a worker, from `begin` to `end` in seconds after the start; workers are counted from 0."""

    job: str
    worker: int
    begin: float
    end: float


def list_schedule(seconds: Mapping[str, float], num_workers: int) -> tuple[Placed, ...]:
    """Return when and where each job runs, in the order in which they begin; jobs of equal length keep their order.

    Raises `ConfigError` without a worker.

    >>> [(one.job, one.worker, one.end) for one in list_schedule({"a": 1.0, "b": 3.0, "c": 2.0}, 2)]
    [('b', 0, 3.0), ('c', 1, 2.0), ('a', 1, 3.0)]
    """
    if num_workers < 1:
        raise ConfigError(f"a schedule needs at least 1 worker, not {num_workers}")
    free = [(0.0, worker) for worker in range(num_workers)]
    heapify(free)
    placed: list[Placed] = []
    for job in sorted(seconds, key=lambda job: -seconds[job]):
        begin, worker = heappop(free)
        end = begin + seconds[job]
        placed.append(Placed(job=job, worker=worker, begin=begin, end=end))
        heappush(free, (end, worker))
    return tuple(placed)


def makespan(seconds: Sequence[float], num_workers: int) -> float:
    """Return the seconds after which the last of some jobs ends; 0 without jobs.

    >>> makespan([3.0, 2.0, 1.0], 2), makespan([3.0, 2.0, 1.0], 64)
    (3.0, 3.0)
    """
    placed = list_schedule({str(number): each for number, each in enumerate(seconds)}, num_workers)
    return max((one.end for one in placed), default=0.0)


def lanes(spans: Sequence[tuple[float, float]]) -> list[int]:
    """Return for every span, from begin to end, the first lane (from 0) in which no span before it is still open.

    The lanes are as many as spans are open at one moment at most.

    >>> lanes([(0.0, 2.0), (1.0, 3.0), (2.0, 4.0)])
    [0, 1, 0]
    """
    found, ends = [0] * len(spans), list[float]()
    for place in sorted(range(len(spans)), key=lambda place: spans[place]):
        begin, end = spans[place]
        lane = next((number for number, last in enumerate(ends) if last <= begin), len(ends))
        if lane == len(ends):
            ends.append(end)
        ends[lane] = end
        found[place] = lane
    return found
