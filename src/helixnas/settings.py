"""Settings: one annotated field gives a setting's type, range, unit, default, help and error message.

>>> @settings("distill")
... class DistillConfig:
...     lr: Annotated[float, Gt(0)] = 0.005
>>> DistillConfig(lr=-1)
Traceback (most recent call last):
    ...
helixnas.errors.ConfigError: distill.lr must be above 0, not -1
>>> build(DistillConfig, {"lrr": 1}, where="my.yaml")
Traceback (most recent call last):
    ...
helixnas.errors.UnknownNameError: unknown setting in my.yaml: 'lrr'; did you mean lr?

pydantic checks the values (docs/decisions/0008); no other module imports it.
"""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from annotated_types import Ge, Gt, Le, Lt, Unit
from pydantic import ConfigDict, GetCoreSchemaHandler, TypeAdapter, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_core.core_schema import CoreSchema, no_info_after_validator_function

from helixnas.errors import ConfigError, UnknownNameError

__all__ = [
    "Ge",
    "Gt",
    "Le",
    "Lt",
    "OneOf",
    "Section",
    "Setting",
    "Unit",
    "build",
    "check_names",
    "check_value",
    "hint_of",
    "in_words",
    "is_named",
    "limits",
    "locate",
    "read_value",
    "sections",
    "settings",
    "settings_class",
]

T = TypeVar("T")

WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
"""Plain types in messages and help."""

LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
"""Ranges in messages and help, by the attribute of the annotation that holds the bound."""

OUT_OF_RANGE = ("greater_than", "greater_than_equal", "less_than", "less_than_equal")
"""pydantic's types of error for a number outside its range."""


@dataclass(frozen=True)
class OneOf:
    """Annotates text that must be one of these names; an error lists the nearest."""

    names: tuple[str, ...]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return pydantic's schema of the text with the check of its name."""
        return no_info_after_validator_function(self._check, handler(source))

    def _check(self, name: str) -> str:
        if name not in self.names:
            raise PydanticCustomError("unknown_name", "unknown name", {"known": self.names})
        return name


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def settings(section: str) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen, keyword-only dataclass whose fields are checked before its own ``__post_init__`` runs.

    Args:
        section: dotted name of the group of settings in a recipe, which messages put before a field's name; empty for
            the recipe itself.
    """

    def make(kind: type[T]) -> type[T]:
        rules = kind.__dict__.get("__post_init__", lambda self: None)

        def check(self: Any) -> None:
            for each in fields(self):
                value = getattr(self, each.name)
                if value is not each.default and settings_class(_hints(kind)[each.name]) is None:
                    checked = check_value(kind, each.name, value, name=_dotted(section, each.name))
                    object.__setattr__(self, each.name, checked)
            rules(self)

        setattr(kind, "__post_init__", check)  # noqa: B010 - a dataclass looks for it when it is made
        return dataclass(frozen=True, kw_only=True)(kind)

    return make


def read_value(kind: type, setting: str, value: Any, *, name: str, where: str = "") -> Any:
    """Return a plain value, as YAML holds it, of one setting with the type of its field; arguments as of `check_value`."""
    return check_value(kind, setting, _as_typed(_hints(kind)[setting], value), name=name, where=where)


def check_value(kind: type, setting: str, value: Any, *, name: str, where: str = "") -> Any:
    """Return a value of one plain setting with the type of its field.

    Args:
        kind: the settings class.
        setting: its field.
        value: to check.
        name: of the setting, for messages.
        where: the value comes from, for messages.

    Raises:
        ConfigError: the value is of the wrong type or out of range.
        UnknownNameError: the value is not one of the field's names.
    """
    try:
        return _validator(kind, setting)(value)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    hint, first, source = _hints(kind)[setting], errors[0], f"{where}: " if where else ""
    if first["type"] == "unknown_name":
        origin = f"{name} in {where}:" if where else name
        raise UnknownNameError(origin, first["input"], first.get("ctx", {})["known"])
    wanted = in_words(hint)
    if all(each["type"] in OUT_OF_RANGE for each in errors):
        wanted, value = limits(hint), first["input"]
    elif first["type"] == "finite_number":
        wanted, value = f"a finite number {limits(hint)}".strip(), first["input"]
    each = "each of " if value is first["input"] and isinstance(next(iter(first["loc"]), None), int) else ""
    raise ConfigError(f"{source}{each}{name} must be {wanted}, not {_shown(value)}")


def build(kind: type[T], values: Mapping[Any, Any], *, where: str, prefix: str = "") -> T:
    """Build settings from plain values as YAML holds them.

    Args:
        kind: the settings class; a field may hold another one, an optional one, or a dictionary of them.
        values: by name of the field.
        where: the values come from, for messages.
        prefix: dotted name of this group of settings, for messages.

    Raises:
        UnknownNameError: a setting does not exist.
        ConfigError: a value is of the wrong type, out of range, or contradicts another.
    """
    check_names(kind, values, where=where, prefix=prefix)
    return kind(**{name: _built(kind, name, value, where=where, prefix=prefix) for name, value in values.items()})


def check_names(kind: Any, values: Mapping[Any, Any], *, where: str, prefix: str = "") -> None:
    """Raise `UnknownNameError` for a setting that `kind`, or a settings class inside it, does not have."""
    for name, value in values.items():
        if name not in _hints(kind):
            raise UnknownNameError(f"setting in {where}{prefix and f' under {prefix}'}:", str(name), _hints(kind))
        hint = _hints(kind)[name]
        inner = settings_class(hint)
        if inner is not None and isinstance(value, Mapping):
            for below, item in value.items() if is_named(hint) else [("", value)]:
                if isinstance(item, Mapping):
                    check_names(inner, item, where=where, prefix=_dotted(prefix, name, str(below)))


def _built(kind: Any, name: str, value: Any, *, where: str, prefix: str) -> Any:
    hint, dotted = _hints(kind)[name], _dotted(prefix, name)
    inner = settings_class(hint)
    if inner is None:
        return read_value(kind, name, value, name=dotted, where=where)
    if value is None and type(None) in get_args(hint):
        return None
    if not is_named(hint):
        return _group(inner, value, where=where, prefix=dotted)
    items = value.items() if isinstance(value, Mapping) else _group(inner, value, where=where, prefix=dotted)
    return {
        str(key): _group(inner, {} if item is None else item, where=where, prefix=_dotted(dotted, str(key)))
        for key, item in items
    }


def _group(kind: Any, value: Any, *, where: str, prefix: str) -> Any:
    if not isinstance(value, Mapping):
        some = ", ".join(list(_hints(kind))[:3])
        raise ConfigError(f"{where}: {prefix} must hold settings ({some}, ...), not {_shown(value)}")
    return build(kind, value, where=where, prefix=prefix)


def _shown(value: Any) -> str:
    return "null" if value is None else repr(list(value) if isinstance(value, tuple) else value)


def _as_typed(hint: Any, value: Any) -> Any:
    """Return a list of YAML as a tuple, and a number that YAML 1.1 reads as text (1e-3) as a number, where one is wanted."""
    hint = _plain(hint)
    if isinstance(value, list) and get_origin(hint) is tuple:
        return tuple(_as_typed(get_args(hint)[0], item) for item in value)
    kinds = get_args(hint) or (hint,)
    if isinstance(value, str) and str not in kinds:
        for kind in (int, float):
            if kind in [_plain(each) for each in kinds]:
                with suppress(ValueError):
                    return kind(value)
    return value


@dataclass(frozen=True)
class Setting:
    """One setting, described for a user."""

    name: str
    """Dotted name of the setting."""

    type: str
    """Its type, range and unit in words."""

    default: Any
    """The value it has where none is given; `dataclasses.MISSING` where one must be given."""

    help: str
    """Its meaning, from the docstring of its field."""


@dataclass(frozen=True)
class Section:
    """One group of settings, described for a user."""

    name: str
    """Dotted name of the group; empty for the outermost."""

    help: str
    """Its meaning, from the docstring of its field."""

    settings: tuple[Setting, ...]
    """The plain settings in it."""

    optional: bool
    """Whether null leaves the whole group out."""


def sections(kind: type, name: str = "", help: str = "", *, optional: bool = False) -> Iterator[Section]:
    """Yield the groups of settings of a settings class, itself first; a group in a dictionary is called NAME.

    Args:
        kind: the settings class.
        name: dotted name of it.
        help: meaning of it; its own docstring by default.
        optional: whether null leaves it out.
    """
    texts, hints = _helps(kind), _hints(kind)
    plain = [each for each in fields(cast(Any, kind)) if settings_class(hints[each.name]) is None]
    described = tuple(
        Setting(
            name=_dotted(name, each.name),
            type=_described(hints[each.name]),
            default=each.default if each.default_factory is MISSING else each.default_factory(),
            help=texts.get(each.name, ""),
        )
        for each in plain
    )
    yield Section(name, help or (kind.__doc__ or "").partition("\n")[0], described, optional)
    for each, hint in hints.items():
        inner = settings_class(hint)
        if inner is not None:
            below = _dotted(name, each, "NAME" if is_named(hint) else "")
            yield from sections(inner, below, texts.get(each, ""), optional=type(None) in get_args(hint))


def locate(kind: type, name: str) -> tuple[tuple[str, ...], type, str] | None:
    """Return where a dotted name leads: its parts as fields spell them, the settings class that holds it, and its field.

    Words of a field may be joined by dashes. A name may go on inside a field that holds a mapping
    (``searches.small.max.macs`` leads to the field ``max``). None where there is no such field.
    """
    first, *rest = name.split(".")
    field_name = first.replace("-", "_")
    hint = _hints(kind).get(field_name)
    inner = settings_class(hint)
    if hint is None or inner is None:
        return None if hint is None else ((field_name, *rest), kind, field_name)
    label, rest = (rest[:1], rest[1:]) if is_named(hint) else ([], rest)
    if not rest:
        return (field_name, *label), kind, field_name
    below = locate(inner, ".".join(rest))
    return None if below is None else ((field_name, *label, *below[0]), *below[1:])


def hint_of(kind: type, setting: str) -> Any:
    """Return the type of a setting, without its range."""
    return _plain(_hints(kind)[setting])


def settings_class(hint: Any) -> Any:
    """Return the settings class in an annotation: itself, optional, or the values of a dictionary; None without one."""
    return next((part for part in (hint, *get_args(hint)) if isinstance(part, type) and is_dataclass(part)), None)


def is_named(hint: Any) -> bool:
    """Return whether a setting holds settings by name."""
    return get_origin(hint) is dict and settings_class(hint) is not None


def in_words(hint: Any) -> str:
    """Return the type of an annotation in words.

    >>> in_words(tuple[float, ...] | None)
    'a list of numbers or null'
    """
    hint = _plain(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " * (len(arguments) > 1) + ", ".join(str(choice) or "empty" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(map(in_words, arguments))
    if origin is tuple:
        return f"a list of {in_words(arguments[0]).removeprefix('a ')}s"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return "a mapping of names to values"
    return WORDS.get(hint, str(hint))


def limits(hint: Any) -> str:
    """Return the range of an annotation in words, empty without one.

    >>> limits(Annotated[float, Gt(0), Le(1)])
    'above 0 and at most 1'
    """
    bounds = {name: getattr(part, name) for part in _metadata(hint) for name in LIMITS if hasattr(part, name)}
    large = 2**32  # as a power of two
    return " and ".join(
        f"{LIMITS[name]} {bound if bound < large else f'2^{bound.bit_length() - 1}'}" for name, bound in bounds.items()
    )


def _described(hint: Any) -> str:
    """Return type, unit and range in words."""
    parts = list(_metadata(hint))
    unit = next((f" ({part.unit})" for part in parts if isinstance(part, Unit)), "")
    names = next(
        (f": {', '.join(name or 'empty' for name in part.names)}" for part in parts if isinstance(part, OneOf)), ""
    )
    return ", ".join(part for part in (f"{in_words(hint)}{unit}{names}", limits(hint)) if part)


def _metadata(hint: Any) -> Iterator[Any]:
    """Yield the annotations of a type and of the types inside it."""
    if get_origin(hint) is Annotated:
        yield from hint.__metadata__
        hint = _plain(hint)
    if get_origin(hint) is not Literal:
        for part in get_args(hint):
            yield from _metadata(part)


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _validator(kind: type, setting: str) -> Callable[..., Any]:
    """Return pydantic's check of one field; a class whose settings keep their defaults needs none of them."""
    return TypeAdapter(_hints(kind)[setting], config=ConfigDict(strict=True, allow_inf_nan=False)).validate_python


@cache
def _helps(kind: type) -> dict[str, str]:
    """Return the docstrings below the fields of a class, by name of the field."""
    body = cast(ast.ClassDef, ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]).body
    return {
        one.target.id: " ".join(other.value.value.split())
        for one, other in pairwise(body)
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        if isinstance(other, ast.Expr) and isinstance(other.value, ast.Constant) and isinstance(other.value.value, str)
    }
