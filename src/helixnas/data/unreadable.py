"""Unreadable images: each is logged once with its path, and too many are an error.

One damaged file should not stop a run of days, but a damaged disk must not go unnoticed.
"""

import logging

from helixnas.errors import DataError

_logger = logging.getLogger(__name__)


class UnreadableImages:
    """The images of one source that could not be read so far."""

    def __init__(self, *, title: str, num_images: int, max_share: float) -> None:
        self._title = title
        self._num_images = num_images
        self._max_share = max_share
        self._first = ""
        self.reasons: dict[int, str] = {}
        """Reason per unreadable row."""

    def __len__(self) -> int:
        return len(self.reasons)

    @property
    def limit(self) -> int:
        """Largest number of unreadable images that is not an error."""
        return int(self._max_share * self._num_images)

    @property
    def rows(self) -> tuple[int, ...]:
        """Unreadable rows of the source, ascending."""
        return tuple(sorted(self.reasons))

    def report(self, *, row: int, path: str, reason: str) -> None:
        """Log an image that could not be read, once.

        Raises:
            DataError: there are more than the limit; the message has the count, the limit and the first path.

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
                f"{len(self):,} of the {self._num_images:,} images of {self._title} cannot be read, and max_unreadable "
                f"= {self._max_share:g} allows {self.limit:,}; the first is {self._first}"
            )
