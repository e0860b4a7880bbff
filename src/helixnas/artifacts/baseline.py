"""Baseline: another method's ratings of a benchmark's networks, at several points of its training, with their cost.

Its file is ``baselines/METHOD-seedS.json`` of a run (docs/guide/ranking-lab.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from helixnas.artifacts.record import Record

PROXIES = ("naswot", "synflow", "zico", "gradnorm", "snip", "num_layers")
"""Scores of untrained networks (zero-cost proxies)."""

COUNTED = "num_layers"
"""The one of them that is a size: it is counted, so it tells nothing beyond depth."""

HIGHER_IS_BETTER: Mapping[str, bool] = {
    "loss": False,
    "accuracy": True,
    "log_probability": True,
    **dict.fromkeys(PROXIES, True),
}
"""The kinds of score, and which way they point."""


@dataclass(frozen=True, kw_only=True)
class BaselinePoint:
    """One point of the training at which the networks were rated.

    Wall-clock seconds, and processor seconds (user and system), of the training so far and of this rating.
    """

    epoch: float
    images_seen: int
    """Training images shown so far, repeats counted; in a step with several passes each counts once."""

    seconds: float
    core_seconds: float
    rating_seconds: float
    rating_core_seconds: float
    scores: Mapping[str, tuple[float, ...]]
    """By kind (``loss``, ``accuracy``, ``log_probability``, a proxy), a value per network; the method ranks by the first kind."""


@dataclass(frozen=True, kw_only=True)
class Baseline(Record):
    """A method's ratings of some networks."""

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas-baseline", 1)

    method: str
    """spos, fairnas, darts, mnasnet, or a zero-cost proxy."""

    seed: int
    """Seed of initial weights, data order, augmentation and sampled networks."""

    benchmark: str
    device: str
    """Device of the training: cpu, cuda, ..."""

    key: str
    """Hash of all settings; a baseline with the same key is reused."""

    settings: Mapping[str, Any]
    networks: tuple[str, ...]
    """Different networks of the benchmark, in text form."""

    points: tuple[BaselinePoint, ...]
    """In the order of training; the last ones are missing while training continues."""

    @property
    def score(self) -> str:
        """The kind of score that the method ranks by; raises `LookupError` where there is no point yet."""
        return next(iter(self.points[0].scores))

    def __post_init__(self) -> None:
        for scores in (point.scores for point in self.points):
            number = len(self.networks)
            wrong = [kind for kind, own in scores.items() if kind not in HIGHER_IS_BETTER or len(own) != number]
            if wrong or not scores:
                raise ValueError(
                    f"scores must be of a known kind with one for each network: {', '.join(wrong) or 'none'}"
                )
