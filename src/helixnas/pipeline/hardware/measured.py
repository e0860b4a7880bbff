"""MeasuredThroughput: multiply-adds per second of one device, as a file for ``--hardware my.json``.

    {"format": "helixnas hardware", "version": 1, "device": "my GPU", "conditions": "bf16, 224 pixels, batch 256",
     "macs_per_second": {"train": 1.5e12, "distill": 1.2e12, "rate": 2.0e12}}

Multiply-adds are those of all forward passes of a stage, with a backward pass counted as two forward passes.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from helixnas.artifacts.record import Record

KINDS = ("train", "distill", "rate")
"""Kinds of work: training one network; distilling, the teacher's pass included; rating and other forward passes."""

KIND_OF = {
    "teacher": "train",
    "calibrate": "train",
    "retrain": "train",
    "inherit": "train",
    "distill": "distill",
    "rate": "rate",
    "stitch": "rate",
    "proxies": "rate",
}
"""The kind of every stage that takes time."""

ADVICE = (
    'it must look like {"format": "helixnas hardware", "version": 1, "device": "my GPU", '
    '"macs_per_second": {"distill": 1e12}}'
)


@dataclass(frozen=True, kw_only=True)
class MeasuredThroughput(Record):
    """How fast a device was seen to work; a kind that is missing counts as the slowest of those given.

    Raises `ValueError` if no kind is given, one is unknown, or a figure is not positive.
    """

    FORMAT: ClassVar[tuple[str, int]] = ("helixnas hardware", 1)
    MEND: ClassVar[str] = ADVICE

    device: str
    macs_per_second: Mapping[str, float]
    """By kind (`KINDS`)."""

    conditions: str = ""
    """How it was measured, in words."""

    def __post_init__(self) -> None:
        unknown = [kind for kind in self.macs_per_second if kind not in KINDS]
        if unknown or not self.macs_per_second:
            wrong = f"has {unknown[0]!r}, which is no kind of work" if unknown else "is empty"
            raise ValueError(f"macs_per_second {wrong}; name {', '.join(KINDS)}")
        for kind, speed in self.macs_per_second.items():
            if not (math.isfinite(speed) and speed > 0):
                raise ValueError(f"macs_per_second.{kind} must be a number above 0, not {speed}")

    def speed(self, stage: str) -> float:
        """Return the multiply-adds per second of a stage.

        >>> MeasuredThroughput(device="one", macs_per_second={"distill": 3.0, "rate": 2.0}).speed("retrain")
        2.0
        """
        return self.macs_per_second.get(KIND_OF[stage], min(self.macs_per_second.values()))

    @property
    def missing(self) -> list[str]:
        """The kinds that are not given."""
        return [kind for kind in KINDS if kind not in self.macs_per_second]
