"""Frozen dataclasses as JSON files: the types of the fields say how plain values are read back."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, is_dataclass
from functools import cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, ClassVar, Literal, TypeVar, cast, get_args, get_origin, get_type_hints

from helixnas.artifacts.files import MEND, read_json, require_format, understanding, write_json

T = TypeVar("T")
R = TypeVar("R", bound="Record")


@dataclass(frozen=True, kw_only=True)
class Record:
    """Base of the frozen dataclasses that are JSON files."""

    FORMAT: ClassVar[tuple[str, int]]
    """Name and version of the file format."""

    MEND: ClassVar[str] = MEND
    """Advice where the file is damaged."""

    def save(self, path: Path) -> None:
        """Write the values as JSON, whole or not at all."""
        name, version = self.FORMAT
        write_json(path, {"format": name, "version": version, **asdict(self)})

    @classmethod
    def load(cls: type[R], path: Path) -> R:
        """Read the values; raises `ArtifactError` where the file is missing, damaged or of another version."""
        values = read_json(path, mend=cls.MEND)
        with understanding(path, mend=cls.MEND):
            require_format(path, values, *cls.FORMAT)
            return from_plain(cls, {key: value for key, value in values.items() if key not in ("format", "version")})


def from_plain(kind: type[T], values: Any) -> T:
    """Return the dataclass that `asdict` turned into these plain values.

    Fields may be plain values, dataclasses, tuples, mappings by text, literals, or one of these or None.

    Raises:
        ValueError: a value is not of its field's type; the message names the field.
        TypeError: a field is missing or unknown.

    >>> from helixnas.artifacts.agreement import Estimate
    >>> from_plain(Estimate, {"value": 1, "interval": [0.5, 1.5]})
    Estimate(value=1.0, interval=(0.5, 1.5))
    """
    if not isinstance(values, Mapping):
        raise ValueError(f"{kind.__name__} is not a mapping")
    hints, plain = _hints(kind), cast("Mapping[str, Any]", values)
    return kind(**{name: _read(hints.get(name, Any), value, name) for name, value in plain.items()})


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


def _read(hint: Any, value: Any, name: str) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if hint is Any:
        return value
    if origin is UnionType:
        return _read_either(arguments, value, name)
    if is_dataclass(hint):
        return from_plain(cast("type[Any]", hint), value)
    if origin is Literal and value in arguments:
        return value
    if origin is tuple and isinstance(value, list | tuple):
        items = cast("Sequence[Any]", value)
        each = (arguments[0],) * len(items) if arguments[-1] is Ellipsis else arguments
        return tuple(_read(kind, item, name) for kind, item in zip(each, items, strict=True))
    if origin is Mapping and isinstance(value, dict):
        return {key: _read(arguments[1], item, name) for key, item in cast("dict[str, Any]", value).items()}
    if isinstance(value, bool) and hint is not bool:
        raise ValueError(f"{name} is of another type")
    if hint is float and isinstance(value, int):
        return float(value)
    if origin is None and isinstance(value, hint):
        return value
    raise ValueError(f"{name} is of another type")


def _read_either(kinds: tuple[Any, ...], value: Any, name: str) -> Any:
    if value is None and NoneType in kinds:
        return None
    *others, last = [kind for kind in kinds if kind is not NoneType]
    for kind in others:
        with suppress(ValueError, TypeError):
            return _read(kind, value, name)
    return _read(last, value, name)
