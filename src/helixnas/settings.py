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

pydantic checks the values (docs/decisions/0008). It is slow to import, so it is imported only here, once a value is checked.
"""

import ast
import inspect
import textwrap
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar, Union, dataclass_transform, get_args, get_origin, get_type_hints

from annotated_types import Ge as Ge
from annotated_types import Gt as Gt
from annotated_types import Le as Le
from annotated_types import Lt as Lt
from annotated_types import Unit as Unit

from helixnas.errors import ConfigError, UnknownNameError

T = TypeVar("T")

MAPPING = "a mapping of names to values"
WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}
LIMITS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}
"""Types and ranges in messages and help; a range by the attribute of the annotation that holds its bound."""


@dataclass(frozen=True)
class OneOf:
    """Annotates text that must be one of these names; an error lists the nearest."""

    names: tuple[str, ...]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def settings(section: str) -> Callable[[type[T]], type[T]]:
    """Make a class a frozen, keyword-only dataclass whose fields are checked before its own ``__post_init__`` runs.

    Messages put `section`, the dotted name of the group in a recipe, before a field's name.
    """

    def make(kind: type[T]) -> type[T]:
        rules = kind.__dict__.get("__post_init__", lambda self: None)

        def check(self: Any) -> None:
            for each in fields(self):
                value, group = getattr(self, each.name), settings_class(_hints(kind)[each.name])
                made = None if group or each.default_factory is MISSING else each.default_factory()
                if group is None and value is not each.default and (made is None or value != made):
                    checked = check_value(kind, each.name, value, name=_dotted(section, each.name))
                    object.__setattr__(self, each.name, checked)
            rules(self)

        setattr(kind, "__post_init__", check)  # noqa: B010 - a dataclass looks for it when it is made
        return dataclass(frozen=True, kw_only=True)(kind)

    return make


def read_value(kind: type, setting: str, value: Any, *, name: str, where: str = "") -> Any:
    """Return a plain value, as YAML holds it, with the type of its field; arguments and errors as of `check_value`."""
    return check_value(kind, setting, _as_typed(_hints(kind)[setting], value), name=name, where=where)


def check_value(kind: type | Callable[..., Any], setting: str, value: Any, *, name: str, where: str = "") -> Any:
    """Return a value with the type of the field `setting` of `kind`; messages call it `name` and say `where` it was read.

    Raises:
        ConfigError: the value is of the wrong type or out of range.
        UnknownNameError: the value is not one of the field's names.
    """
    from pydantic_core import ValidationError

    hint = _hints(kind)[setting]
    try:
        checked = _validator(kind, setting)(value)
    except ValidationError as error:
        raise ConfigError(_sentence(hint, value, error.errors(include_url=False), name, where)) from None
    known = _names(hint)
    for item in checked if isinstance(checked, tuple) else (checked,):
        if known is not None and isinstance(item, str) and item not in known:
            raise UnknownNameError(f"{name} in {where}:" if where else name, item, known)
    return checked


def _sentence(hint: Any, value: Any, errors: Sequence[Any], name: str, where: str) -> str:
    """Return pydantic's errors about a value in one sentence."""
    first, wanted, start = errors[0], in_words(hint), f"{where}: " if where else ""
    if isinstance(value, Mapping) and first["loc"] and wanted == MAPPING:  # an entry is wrong, or its name
        if not isinstance(key := first["loc"][0], str):
            return f"{start}the names in {name} must be text, not {_shown(key)}"
        name, value, wanted = _dotted(name, key), value[key], in_words(get_args(_plain(hint))[1])
    elif all(each["type"].startswith(("greater_than", "less_than")) for each in errors):
        wanted, value = limits(hint), first["input"]
    elif first["type"] == "finite_number":
        wanted, value = f"a finite number {limits(hint)}".strip(), first["input"]
    each = "each of " if value is first["input"] and isinstance(next(iter(first["loc"]), None), int) else ""
    return f"{start}{each}{name} must be {wanted}, not {_shown(value)}"


def _shown(value: Any) -> str:
    return "null" if value is None else repr(list(value) if isinstance(value, tuple) else value)


def build(kind: type[T], values: Any, *, where: str, prefix: str = "") -> T:
    """Build settings from a mapping of names to plain values as YAML holds them.

    A field may hold another settings class, an optional one, or a dictionary of them. Messages say `where` the values were
    read, and name a setting after the dotted name `prefix` of its group. A class whose group null does not leave out may say in
    an attribute ``WITHOUT`` what does.

    Raises:
        UnknownNameError: a setting does not exist.
        ConfigError: a value is of the wrong type, out of range, or contradicts another.
    """
    if not isinstance(values, Mapping):
        some = ", ".join(list(_hints(kind))[:3])
        hint = f"; {kind.__dict__['WITHOUT']}" if values is None and "WITHOUT" in kind.__dict__ else ""
        what = f"{where}: {prefix}" if prefix else where
        raise ConfigError(f"{what} must hold settings ({some}, ...), not {_shown(values)}{hint}")
    check_names(kind, values, where=where, prefix=prefix)
    return kind(**{name: _built(kind, name, value, where=where, prefix=prefix) for name, value in values.items()})


def check_names(kind: Any, values: Mapping[Any, Any], *, where: str, prefix: str = "") -> None:
    """Raise `UnknownNameError` for a setting that `kind`, or a settings class inside it, does not have."""
    for name, value in values.items():
        if name not in _hints(kind):
            raise UnknownNameError(f"setting in {where}{prefix and f' under {prefix}'}:", str(name), _hints(kind))
        hint = _hints(kind)[name]
        if (inner := settings_class(hint)) is not None and isinstance(value, Mapping):
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
    if is_named(hint) and isinstance(value, Mapping):
        return {
            str(key): build(inner, {} if item is None else item, where=where, prefix=_dotted(dotted, str(key)))
            for key, item in value.items()
        }
    return build(inner, value, where=where, prefix=dotted)


def _as_typed(hint: Any, value: Any) -> Any:
    """Return a list of YAML as a tuple, and a number that YAML 1.1 reads as text (1e-3) as a number, where one is wanted."""
    hint = _plain(hint)
    if isinstance(value, list) and get_origin(hint) is tuple:
        return tuple(_as_typed(get_args(hint)[0], item) for item in value)
    kinds = [_plain(each) for each in get_args(hint) or (hint,)]
    if isinstance(value, str) and str not in kinds:
        for kind in (int, float):
            if kind in kinds:
                with suppress(ValueError):
                    return kind(value)
    return value


@dataclass(frozen=True)
class Setting:
    """One setting, described for a user; its help is the docstring of its field."""

    name: str
    """Dotted."""

    type: str
    """Type, range and unit in words."""

    default: Any
    """`dataclasses.MISSING` where a value must be given."""

    help: str


@dataclass(frozen=True)
class Section:
    """One group of settings, described for a user."""

    name: str
    """Dotted; empty for the outermost group."""

    help: str
    settings: tuple[Setting, ...]
    optional: bool
    """Whether null leaves the whole group out."""


def sections(kind: Any, name: str = "", help: str = "", *, optional: bool = False) -> Iterator[Section]:
    """Yield the groups of settings of a settings class, itself first; a group in a dictionary is called NAME.

    `name`, `help` and `optional` are those of the first group; its `help` is the docstring of `kind` by default.
    """
    texts, hints = _helps(kind), _hints(kind)
    described = tuple(
        Setting(
            name=_dotted(name, each.name),
            type=_described(hints[each.name]),
            default=each.default if each.default_factory is MISSING else each.default_factory(),
            help=texts.get(each.name, ""),
        )
        for each in fields(kind)
        if settings_class(hints[each.name]) is None
    )
    yield Section(name, help or (kind.__doc__ or "").partition("\n")[0], described, optional)
    for each, hint in hints.items():
        if (inner := settings_class(hint)) is not None:
            below = _dotted(name, each, "NAME" if is_named(hint) else "")
            yield from sections(inner, below, texts.get(each, ""), optional=type(None) in get_args(hint))


def locate(kind: type, name: str) -> tuple[tuple[str, ...], type, str] | None:
    """Find the field of a dotted name: the name's parts, the settings class that holds the field, and the field, or None.

    Words of a field may be joined by dashes. A name may continue inside a field that holds a mapping
    (``searches.small.max.macs`` leads to the field ``max``).
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

    >>> in_words(tuple[float, ...] | None), in_words(Sequence[int | Sequence[int]])
    ('a list of numbers or null', 'a list of whole numbers or lists of whole numbers')
    """
    hint = _plain(hint)
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return "one of " * (len(arguments) > 1) + ", ".join(str(choice) or "empty" for choice in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(each) for each in arguments if not (each is int and float in arguments))
    if origin in (tuple, Sequence):
        each = (part.removeprefix("a ") for part in in_words(arguments[0]).split(" or "))
        return f"a list of {' or '.join(f'lists{one[4:]}' if one.startswith('list ') else f'{one}s' for one in each)}"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return MAPPING
    return WORDS.get(hint, str(hint))


def limits(hint: Any) -> str:
    """Return the range of an annotation in words, empty without one.

    >>> limits(Annotated[float, Gt(0), Le(1)])
    'above 0 and at most 1'
    """
    bounds = {name: getattr(part, name) for part in _metadata(hint) for name in LIMITS if hasattr(part, name)}
    return " and ".join(
        f"{LIMITS[name]} {bound if bound < 2**32 else f'2^{bound.bit_length() - 1}'}" for name, bound in bounds.items()
    )


def _described(hint: Any) -> str:
    """Return type, unit, names and range in words."""
    unit = "".join(f" ({part.unit})" for part in _metadata(hint) if isinstance(part, Unit))
    names = ", ".join(name or "empty" for name in _names(hint) or ())
    return ", ".join(filter(None, (f"{in_words(hint)}{unit}{names and f': {names}'}", limits(hint))))


def _names(hint: Any) -> tuple[str, ...] | None:
    return next((part.names for part in _metadata(hint) if isinstance(part, OneOf)), None)


def _metadata(hint: Any) -> Iterator[Any]:
    """Yield the annotations of a type and of the types inside it."""
    yield from getattr(hint, "__metadata__", ())
    hint = _plain(hint)
    if get_origin(hint) is not Literal:
        for part in get_args(hint):
            yield from _metadata(part)


def _plain(hint: Any) -> Any:
    return get_args(hint)[0] if get_origin(hint) is Annotated else hint


def _dotted(*parts: str) -> str:
    return ".".join(part for part in parts if part)


@cache
def _hints(kind: type | Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(kind, include_extras=True)


@cache
def _validator(kind: type | Callable[..., Any], setting: str) -> Callable[..., Any]:
    from pydantic import ConfigDict, TypeAdapter

    return TypeAdapter(_hints(kind)[setting], config=ConfigDict(strict=True, allow_inf_nan=False)).validate_python


@cache
def _helps(kind: type) -> dict[str, str]:
    """Return the docstrings below the fields of a class, by name of the field."""
    definition: Any = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    return {
        one.target.id: " ".join(other.value.value.split())
        for one, other in pairwise(definition.body)
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
        if isinstance(other, ast.Expr) and isinstance(other.value, ast.Constant) and isinstance(other.value.value, str)
    }
