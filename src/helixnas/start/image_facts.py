"""ImageFacts: number, sizes, classes and duplicates of a user's images."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from helixnas.data.config import DataConfig
from helixnas.data.readers import open_source
from helixnas.data.source import Source, Span
from helixnas.data.splits import count_shared
from helixnas.errors import DataError, number_of

NUM_SAMPLED = 32
"""Images that are opened to learn their sizes, evenly spaced."""

MAX_HASHED = 2**30
"""Bytes of images of equal length up to which their contents are compared."""

FEW = 100
"""Number of images from which a search is tried at all."""


class Copies(NamedTuple):
    """Files with the contents of an earlier one."""

    pairs: tuple[tuple[str, str], ...] = ()
    """A later file and the first."""

    num_skipped: int = 0
    """Files that were not compared, because of their size."""


@dataclass(frozen=True, kw_only=True)
class ImageFacts:
    """What there is to know about images before a run."""

    title: str
    num_images: int
    num_classes: int
    """0 without labels."""

    smallest_class: int
    """Images of the class with the fewest; 0 without labels."""

    side: int
    """Median of the short sides, in pixels."""

    num_held_out: int = 0
    """Images that the run holds out for the final accuracy; 0 without labels, or if other images are for it."""

    copies: Copies = field(default_factory=Copies)
    """Copies among files; of other images they are not looked for."""

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about images that will do, but rarely as well as wished."""
        found: list[str] = []
        if self.copies.pairs:
            later, first = self.copies.pairs[0]
            number = len(self.copies.pairs)
            found.append(
                f"{number:,} {'image is a copy' if number == 1 else 'images are copies'} of another, such as {later} of {first}; "
                "copies on both sides of a split make accuracies too high"
            )
        if self.copies.num_skipped:
            found.append(
                f"copies were looked for in {MAX_HASHED / 2**30:g} GiB of images; {self.copies.num_skipped:,} of "
                f"{self.num_images:,} were not compared with others of the same length"
            )
        if self.num_classes and self.smallest_class < 10:
            found.append(
                f"the smallest class has {number_of(self.smallest_class, 'image')}; accuracies of so few say little"
            )
        return tuple(found)

    def __str__(self) -> str:
        classes = number_of(self.num_classes, "class") if self.num_classes else "no labels"
        return f"{number_of(self.num_images, 'image')}, {classes}, short side {self.side} pixels (median)"


def look_at_images(config: DataConfig) -> ImageFacts:
    """Return the facts of the training images; raises `DataError` if they, or those of the final accuracy, cannot be used."""
    source = open_source(config, root=config.root, split=config.split)
    if source.num_images < FEW:
        raise DataError(f"{source.title} has {number_of(source.num_images, 'image')}; a search needs at least {FEW}")
    counts = np.bincount(source.labels) if source.labels is not None else np.zeros(0, dtype=np.int64)
    return ImageFacts(
        title=source.title,
        num_images=source.num_images,
        num_classes=len(source.class_names),
        smallest_class=int(counts[counts > 0].min()) if len(counts) else 0,
        side=_median_side(source),
        num_held_out=count_shared(config, source),
        copies=find_copies(source.spans or ()),
    )


def find_copies(spans: Sequence[Span], *, most_bytes: int = MAX_HASHED) -> Copies:
    """Return files whose bytes are those of an earlier one, with that one; only files of equal length are read.

    Lengths whose files would exceed `most_bytes`, all together, are skipped.
    """
    by_length = defaultdict[int, list[Span]](list)
    for span in spans:
        by_length[span.num_bytes()].append(span)
    pairs: list[tuple[str, str]] = []
    left, num_skipped = most_bytes, 0
    for length, alike in by_length.items():
        if len(alike) < 2:
            continue
        if length * len(alike) > left:
            num_skipped += len(alike)
            continue
        left -= length * len(alike)
        first: dict[bytes, Span] = {}
        for span in alike:
            known = first.setdefault(hashlib.sha256(span.contents()).digest(), span)
            if known is not span:
                pairs.append((str(span), str(known)))
    return Copies(tuple(pairs), num_skipped)


def _median_side(source: Source) -> int:
    """Return the median of the short sides of some images; an unreadable one is passed over."""
    sides: list[int] = []
    for index in np.linspace(0, source.num_images - 1, NUM_SAMPLED).astype(int).tolist():
        try:
            sides.append(min(source.read(index).size))
        except Exception:  # whatever a decoder raises; the run names the image
            continue
    if not sides:
        raise DataError(f"none of {NUM_SAMPLED} images of {source.title} can be read, such as {source.locate(0)}")
    return int(np.median(sides))
