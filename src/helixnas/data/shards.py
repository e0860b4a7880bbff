"""WebDataset shards: uncompressed tars in which the files of a sample share a name, and only their endings differ.

The class of an image is in its ``.cls`` file or in a field of its ``.json`` file, as a number or as a name.
"""

import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Int64

from helixnas.data.image_files import image_suffixes, natural_order
from helixnas.data.source import Span, numbered_classes
from helixnas.errors import DataError

FIELDS = ("cls", "label", "class", "class_name", "label_name", "target")
"""Fields of a ``.json`` file that may hold the class, the likeliest first."""

LONGEST = 19
"""Digits of a number; more are a name."""

Label = int | str


def index_shard(shard: str, *, field: str = "") -> Iterator[tuple[Span, Label | None]]:
    """Yield each image of a shard and its class (or None), in order.

    `field` is the field of ``.json`` files with the class, if the set names one. Raises `DataError` if a ``.json`` file
    of an image is none, and `tarfile.TarError` if the shard is damaged.
    """
    images: dict[str, Span] = {}
    classes: dict[str, Label] = {}
    described: dict[str, Label] = {}
    with tarfile.open(shard, mode="r:") as archive:
        for member in archive:
            folder, _, base = member.name.rpartition("/")
            key, _, extension = base.partition(".")
            if not member.isfile() or not extension:
                continue
            sample, extension = f"{folder}/{key}", extension.lower()
            if f".{extension}" in image_suffixes():
                images.setdefault(sample, Span(shard, member.name, member.offset_data, member.size))
            elif extension in ("cls", "cls.txt", "json"):
                file = archive.extractfile(member)
                assert file is not None
                place = f"{shard}!{member.name}"
                found = _in_json(file.read(), field, place) if extension == "json" else _in_text(file.read(), place)
                if found is not None:
                    (described if extension == "json" else classes)[sample] = found
    for sample, span in images.items():
        yield span, described.get(sample) if field else classes.get(sample, described.get(sample))


def classes_of(
    found: Sequence[Label | None], title: str
) -> tuple[Int64[np.ndarray, " images"] | None, tuple[str, ...]]:
    """Return the class index per image and the names of the classes; None and no names if no image has a class.

    Numbers are indices, and names are sorted naturally.

    Raises:
        DataError: some images have a class and others none, some have numbers and others names, or a number is too large.

    >>> labels, names = classes_of(["dog", "cat", "dog"], "pets")
    >>> labels.tolist(), names
    ([1, 0, 1], ('cat', 'dog'))
    """
    known = [label for label in found if label is not None and label != -1]
    if not known:
        return None, ()
    if len(known) < len(found):
        raise DataError(
            f"{len(found) - len(known):,} of the {len(found):,} images of {title} have no class; give each a .cls file, or set "
            "data.labels to false"
        )
    numbers = [label for label in known if isinstance(label, int)]
    names = sorted({label for label in known if isinstance(label, str)}, key=natural_order)
    if numbers and names:
        raise DataError(
            f"the classes of {title} are numbers for some images, such as {numbers[0]}, and names for others, such as "
            f"{names[0]!r}; write all as names"
        )
    if numbers:
        if min(numbers) < 0:
            raise DataError(f"the classes of {title} are numbers from 0 on, not {min(numbers)}")
        names_of_all = numbered_classes(max(numbers), title)
        return np.asarray(numbers, dtype=np.int64), names_of_all
    index = {name: number for number, name in enumerate(names)}
    return np.array([index[str(label)] for label in known], dtype=np.int64), tuple(names)


def _in_text(content: bytes, place: str) -> Label | None:
    """Return the class in a ``.cls`` file, None if it is empty."""
    try:
        text = content.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"{place} is not a class, but {len(content):,} bytes that are no text") from error
    digits = text.removeprefix("-")
    is_number = digits.isdecimal() and digits.isascii() and len(digits) <= LONGEST
    return _storable(int(text), place) if is_number else text or None


def _in_json(content: bytes, field: str, place: str) -> Label | None:
    """Return the class in a ``.json`` file, None if no field holds one."""
    try:
        values: Any = json.loads(content)
    except ValueError as error:
        raise DataError(f"{place} is not JSON") from error
    if not isinstance(values, Mapping):
        return None
    for name in (field,) if field else FIELDS:
        value: Any = values.get(name)
        if isinstance(value, int | str) and not isinstance(value, bool) and value != "":
            return _storable(value, place) if isinstance(value, int) else value
    return None


def _storable(number: int, place: str) -> int:
    """Return the number of a class; raises `DataError` if the index of a shard cannot hold it."""
    if abs(number) >= 2**63:
        raise DataError(f"{place} has the class {number}, which is no number of a class; number them 0, 1, 2, ...")
    return number
