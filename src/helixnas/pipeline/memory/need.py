"""What a stage needs: bytes whatever the batch, and bytes per image of the batch that a setting names."""

from dataclasses import dataclass
from typing import NamedTuple

TITLES = {
    "teacher": "training the teacher",
    "distill": "distillation",
    "rate": "rating",
    "proxies": "scoring untrained networks",
    "stitch": "stitching",
    "calibrate": "calibration",
    "retrain": "retraining",
    "inherit": "fine-tuning",
}
"""The stages that work on batches of images, by name, in words."""


class Bytes(NamedTuple):
    """Memory as a line over the size of a batch."""

    fixed: int
    """Weights with gradients and optimizer, and whatever else does not grow with the batch."""

    per_image: int

    def of(self, batch: int) -> int:
        """Return the bytes of a batch.

        >>> Bytes(10, 3).of(4)
        22
        """
        return self.fixed + batch * self.per_image


@dataclass(frozen=True, kw_only=True)
class Need:
    """The memory of one stage."""

    stage: str
    setting: str
    """Setting that names its batch, such as ``distill.batch_size``."""

    batch: int
    """Images of a batch."""

    bytes: Bytes

    @property
    def total(self) -> int:
        """Bytes at the batch of the recipe."""
        return self.bytes.of(self.batch)

    def fitting(self, available: int, least: int = 1) -> int:
        """Return the batch, halved until the stage needs no more than is available; `least` if no batch above it fits.

        >>> Need(stage="rate", setting="rating.batch_size", batch=250, bytes=Bytes(0, 10)).fitting(1000)
        62
        """
        batch = self.batch
        while batch > least and self.bytes.of(batch) > available:
            batch = max(least, batch // 2)
        return batch
