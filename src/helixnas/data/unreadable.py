"""Unreadable images: each is logged once with its path, and too many are an error.

One damaged file should not stop a run of days, but a damaged disk must not go unnoticed.
"""

import logging
from dataclasses import dataclass, field

from helixnas.errors import DataError

_logger = logging.getLogger(__name__)


@dataclass(kw_only=True, eq=False)
class UnreadableImages:
    """The images of one source that could not be read so far."""

    title: str
    num_images: int
    max_share: float
    reasons: dict[int, str] = field(default_factory=dict[int, str], init=False)
    """Reason per unreadable row."""

    _first: str = field(default="", init=False)

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def limit(self) -> int:
        """Largest number of unreadable images that is not an error."""
        return int(self.max_share * self.num_images)

    @property
    def rows(self) -> tuple[int, ...]:
        """Unreadable rows of the source, ascending."""
        return tuple(sorted(self.reasons))

    def report(self, *, row: int, path: str, reason: str) -> None:
        """Log an image that could not be read, once; raises `DataError` with the first path if there are too many.

        >>> images = UnreadableImages(title="photos", num_images=400, max_share=0.25)
        >>> images.report(row=7, path="photos/7.jpg", reason="truncated")
        >>> len(images), images.limit
        (1, 100)
        """
        if row in self.reasons:
            return
        self._first = self._first or f"{path} ({reason})"
        self.reasons[row] = reason
        _logger.warning("skipping an unreadable image, %s: %s", path, reason)
        if len(self) > self.limit:
            raise DataError(
                f"{len(self):,} of the {self.num_images:,} images of {self.title} cannot be read, and max_unreadable "
                f"= {self.max_share:g} allows {self.limit:,}; the first is {self._first}"
            )
