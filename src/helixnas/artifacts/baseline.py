"""Baseline: another method's ratings of a benchmark's networks, at several points of its training, with their cost.

The file ``baselines/METHOD-seedS.json`` of a run::

    {
        "format": "helixnas-baseline",
        "version": 1,
        "method": "spos",
        "seed": 0,
        "benchmark": "nas-bench-macro_cifar10",
        "device": "cpu",
        "key": "0123456789abcdef",
        "settings": {"num_epochs": 10, "lr": 0.05},
        "networks": ["64:mb6_k5 128:mb3_k3 256:mb3_k3"],
        "points": [
            {
                "epoch": 1.0,
                "images_seen": 48000,
                "seconds": 250.0,
                "core_seconds": 480.0,
                "rating_seconds": 60.0,
                "rating_core_seconds": 110.0,
                "scores": {"loss": [1.25], "accuracy": [0.5625]},
            }
        ],
    }

``scores`` holds a value per network, in the order of ``networks``; the first kind is what the method ranks by.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helixnas.artifacts.files import understanding
from helixnas.artifacts.record import read_record, write_record

FORMAT = "helixnas-baseline"
VERSION = 1

HIGHER_IS_BETTER: Mapping[str, bool] = {"loss": False, "accuracy": True, "log_probability": True}
"""The kinds of score, and which way they point."""


@dataclass(frozen=True, kw_only=True)
class BaselinePoint:
    """One point of the training at which the networks were rated."""

    epoch: float
    """Epochs done."""

    images_seen: int
    """Training images shown so far, repeats counted; in a step with several passes each counts once."""

    seconds: float
    """Wall-clock time of the training so far."""

    core_seconds: float
    """Processor time of the training so far (user and system)."""

    rating_seconds: float
    """Wall-clock time of this rating."""

    rating_core_seconds: float
    """Processor time of this rating."""

    scores: Mapping[str, tuple[float, ...]]
    """By kind (``loss``, ``accuracy``, ``log_probability``), a value per network."""


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A method's ratings of some networks."""

    method: str
    """spos, fairnas, darts or mnasnet."""

    seed: int
    """Seed of initial weights, data order, augmentation and sampled networks."""

    benchmark: str
    """Name of the benchmark."""

    device: str
    """Device of the training: cpu, cuda, ..."""

    key: str
    """Hash of all settings; a baseline with the same key is reused."""

    settings: Mapping[str, Any]
    """Plain values."""

    networks: tuple[str, ...]
    """Different networks of the benchmark, in text form."""

    points: tuple[BaselinePoint, ...]
    """In the order of training; the last ones are missing while training continues."""

    @property
    def score(self) -> str:
        """The kind of score that the method ranks by; raises `LookupError` where there is no point yet."""
        return next(iter(self.points[0].scores))

    def save(self, path: Path) -> None:
        """Write the baseline as JSON, whole or not at all."""
        write_record(path, self, name=FORMAT, version=VERSION)

    @staticmethod
    def load(path: Path) -> "Baseline":
        """Read a baseline; raises `ArtifactError` where the file is missing, damaged or of another version."""
        baseline = read_record(path, Baseline, name=FORMAT, version=VERSION)
        with understanding(path):
            for point in baseline.points:
                _check_scores(point.scores, len(baseline.networks))
        return baseline


def _check_scores(scores: Mapping[str, tuple[float, ...]], number: int) -> None:
    wrong = [kind for kind, column in scores.items() if kind not in HIGHER_IS_BETTER or len(column) != number]
    if wrong or not scores:
        raise ValueError(f"scores must be of a known kind with one for each network: {', '.join(wrong) or 'none'}")
