"""Ratings of the same networks at evenly spaced moments of one training of shared weights: a curve of rank against cost."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, asdict, dataclass
from typing import Any

from helixnas.artifacts.baseline import BaselinePoint
from helixnas.engine import Stopwatch
from helixnas.errors import ConfigError
from helixnas.lab.baselines.training import Training
from helixnas.space import Architecture

Rate = Callable[[Architecture], Mapping[str, float]]
"""Returns the scores of a network by kind, from the weights as they are."""


@dataclass(frozen=True)
class BaselineRecord:
    """Progress of a baseline: steps of training and ratings of networks done, and a note on the present work."""

    done: int
    note: str


def moments_of(num_steps: int, num_points: int) -> list[int]:
    """Return the numbers of steps after which networks are rated, evenly spaced, the last at the end.

    >>> moments_of(10, 4)
    [2, 5, 8, 10]
    """
    if num_points > num_steps:
        raise ConfigError(
            f"cannot rate at {num_points} points: training has {num_steps} steps; choose at most {num_steps}"
        )
    return [round(num_steps * point / num_points) for point in range(1, num_points + 1)]


def columns(rated: Sequence[Mapping[str, float]]) -> dict[str, tuple[float, ...]]:
    """Return the scores of networks by kind.

    >>> columns([{"loss": 0.5}, {"loss": 0.25}])
    {'loss': (0.5, 0.25)}
    """
    return {kind: tuple(scores[kind] for scores in rated) for kind in rated[0]}


@dataclass(eq=False)
class SharedWeights:
    """One training of shared weights, with `num_points` ratings of every network at evenly spaced moments."""

    training: Training
    rate: Rate
    architectures: Sequence[Architecture]
    _: KW_ONLY
    num_points: int

    def __post_init__(self) -> None:
        self.moments = moments_of(self.training.num_steps, self.num_points)
        self.num_steps = self.training.num_steps + self.num_points * len(self.architectures)
        self.points: list[BaselinePoint] = []
        self.rated: list[dict[str, float]] = []
        self.trained_for, self.rated_for = Stopwatch(), Stopwatch()

    def __iter__(self) -> Iterator[BaselineRecord]:
        """Yield a record per step of training and per rated network until all points are done."""
        steps = iter(self.training)
        while len(self.points) < len(self.moments):
            moment = self.moments[len(self.points)]
            while self.training.step < moment:
                with self.trained_for.running():
                    record = next(steps)
                yield self._record(f"loss {record.loss:.3f}")
            for architecture in self.architectures[len(self.rated) :]:
                with self.rated_for.running():
                    self.rated.append(dict(self.rate(architecture)))
                if len(self.rated) < len(self.architectures):
                    yield self._record(f"rating, point {len(self.points) + 1} of {len(self.moments)}")
            self._end_point()
            yield self._record(f"point {len(self.points)} of {len(self.moments)} done")

    def _record(self, note: str) -> BaselineRecord:
        rated = len(self.points) * len(self.architectures) + len(self.rated)
        return BaselineRecord(self.training.step + rated, note)

    def _end_point(self) -> None:
        step = self.training.step
        self.points.append(
            BaselinePoint(
                epoch=step / self.training.steps_per_epoch,
                images_seen=step * self.training.images_per_step,
                seconds=self.trained_for.seconds,
                core_seconds=self.trained_for.core_seconds,
                rating_seconds=self.rated_for.seconds,
                rating_core_seconds=self.rated_for.core_seconds,
                scores=columns(self.rated),
            )
        )
        self.rated, self.rated_for = [], Stopwatch()

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume."""
        return {
            "training": self.training.state(),
            "points": [asdict(point) for point in self.points],
            "rated": list(self.rated),
            "trained_for": self.trained_for.state(),
            "rated_for": self.rated_for.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.training.restore(state["training"])
        self.points = [BaselinePoint(**values) for values in state["points"]]
        self.rated = list(state["rated"])
        self.trained_for.restore(state["trained_for"])
        self.rated_for.restore(state["rated_for"])
