"""Differences between plain values, as JSON and YAML hold them: another type is a difference too."""

from collections.abc import Iterator, Mapping
from typing import Any

MISSING = "missing"


def differences(first: Any, second: Any, where: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the place and both values of each difference; ``3.0`` differs from ``3``, and ``true`` from ``1``.

    Lists and tuples are the same. An entry that one side lacks is `MISSING` there.

    >>> list(differences({"a": [1, 2], "b": 3}, {"a": [1, 2.0], "c": 3}))
    [('a.1', 2, 2.0), ('b', 3, 'missing'), ('c', 'missing', 3)]
    """
    if isinstance(first, Mapping) and isinstance(second, Mapping):
        for name in {**first, **second}:
            place = f"{where}.{name}" if where else str(name)
            yield from differences(first.get(name, MISSING), second.get(name, MISSING), place)
    elif isinstance(first, list | tuple) and isinstance(second, list | tuple) and len(first) == len(second):
        for number, (here, there) in enumerate(zip(first, second, strict=True)):
            yield from differences(here, there, f"{where}.{number}")
    elif first != second or (isinstance(first, int | float) and type(first) is not type(second)):
        yield where, first, second
