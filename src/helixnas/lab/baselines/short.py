"""MnasNet's method: every network of a sample is trained briefly from scratch and rated by its accuracy so far."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

from helixnas.artifacts.baseline import BaselinePoint
from helixnas.engine import Fit, Stopwatch
from helixnas.lab.baselines.curve import BaselineRecord, columns, moments_of


@dataclass(eq=False)
class ShortTrainings:
    """Trainings one after the other, each rated at the same evenly spaced moments.

    `begin` returns the untrained training of network 0, 1, ...; `rate` the scores of a training by kind. A point sums the
    cost of all trainings up to its moment.
    """

    begin: Callable[[int], Fit]
    rate: Callable[[Fit], Mapping[str, float]]
    _: KW_ONLY
    number: int
    num_points: int

    def __post_init__(self) -> None:
        self.fit = self.begin(0)
        self.moments = moments_of(self.fit.num_steps, self.num_points)
        self.num_steps = self.number * (self.fit.num_steps + self.num_points)
        self.rated: list[list[dict[str, float]]] = [[]]
        self.trained_for = [Stopwatch() for _ in self.moments]
        self.rated_for = [Stopwatch() for _ in self.moments]

    def __iter__(self) -> Iterator[BaselineRecord]:
        """Yield a record per step and per rating until all networks are trained."""
        while True:
            own, steps = self.rated[-1], iter(self.fit)
            for point in range(len(own), len(self.moments)):
                while self.fit.step < self.moments[point]:
                    with self.trained_for[point].running():
                        record = next(steps)
                    yield self._record(f"loss {record.loss:.3f}")
                with self.rated_for[point].running():
                    own.append(dict(self.rate(self.fit)))
                yield self._record("rated")
            if len(self.rated) == self.number:
                return
            self.fit = self.begin(len(self.rated))
            self.rated.append([])

    def _record(self, note: str) -> BaselineRecord:
        before, each = len(self.rated) - 1, self.num_steps // self.number
        done = before * each + self.fit.step + len(self.rated[-1])
        return BaselineRecord(done, f"network {before + 1} of {self.number}, {note}")

    @property
    def points(self) -> list[BaselinePoint]:
        """The moments at which every network was rated; empty until all are trained."""
        if len(self.rated) < self.number or len(self.rated[-1]) < len(self.moments):
            return []
        return [self._point(point) for point in range(len(self.moments))]

    def _point(self, point: int) -> BaselinePoint:
        step, until = self.moments[point], self.trained_for[: point + 1]
        return BaselinePoint(
            epoch=step / self.fit.steps_per_epoch,
            images_seen=self.number * step * self.fit.config.batch_size,
            seconds=sum(watch.seconds for watch in until),
            core_seconds=sum(watch.core_seconds for watch in until),
            rating_seconds=self.rated_for[point].seconds,
            rating_core_seconds=self.rated_for[point].core_seconds,
            scores=columns([scores[point] for scores in self.rated]),
        )

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume."""
        return {
            "fit": self.fit.state(),
            "rated": [list(own) for own in self.rated],
            "trained_for": [watch.state() for watch in self.trained_for],
            "rated_for": [watch.state() for watch in self.rated_for],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.rated = [list(own) for own in state["rated"]]
        if len(self.rated) > 1:
            self.fit = self.begin(len(self.rated) - 1)
        self.fit.restore(state["fit"])
        for watches, states in ((self.trained_for, state["trained_for"]), (self.rated_for, state["rated_for"])):
            for watch, own in zip(watches, states, strict=True):
                watch.restore(own)
