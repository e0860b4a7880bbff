"""Recipes on the command line: a YAML file, with any setting replaced by an option of the same dotted name."""

import types
import warnings
from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import deepcopy
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from helixnas.cli.command import unknown_option
from helixnas.cli.shipped import find_recipe
from helixnas.cli.yaml_file import load_yaml
from helixnas.errors import ConfigError, HelixError, UnknownNameError
from helixnas.pipeline.recipe import Recipe
from helixnas.retrain import RetrainConfig

WORDS = {int: "a whole number", float: "a number", str: "text", bool: "true or false", type(None): "null"}

set_parsing_settings(docstring_parse_attribute_docstrings=True)


def add_recipe_arguments(parser: ArgumentParser) -> None:
    """Give a parser one option per setting of a recipe, for its help."""
    parser.add_argument("--config", metavar="FILE", help="a YAML file of further settings, over the recipe's")
    parser.add_class_arguments(Recipe, None)


def read_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a shipped recipe or a YAML file, with command line overrides over it.

    Raises:
        UnknownNameError: no such recipe, or a setting that does not exist (the nearest are named).
        ConfigError: the file is not YAML, or a value is of the wrong type or out of range.
    """
    path = find_recipe(name)
    return recipe_from_settings(load_yaml(path), overrides, where=str(path))


def recipe_from_settings(settings: Mapping[str, Any], overrides: Sequence[str] = (), *, where: str) -> Recipe:
    """Build a recipe from plain values, with command line overrides over them; `where` is named in messages."""
    settings = _with_retraining(settings)
    check_names(settings, Recipe, where=where)
    changed = with_overrides(settings, overrides)
    check_names(changed, Recipe, where="the options")
    return _build(Recipe, changed, where=where, prefix="")


def read_training(name: str, kind: Any, what: str) -> Any:
    """Build the settings `kind` from a shipped retraining or fine-tuning recipe, or a YAML file.

    Raises:
        UnknownNameError: no such recipe or setting.
        ConfigError: the file is not YAML, or a value is of the wrong type or out of range.
    """
    path = find_recipe(name, what)
    values = _settings_of(path)
    check_names(values, kind, where=str(path))
    return _build(kind, values, where=str(path), prefix="")


def _with_retraining(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings in which the name of a retraining recipe is replaced by what it holds."""
    name = settings.get("retrain")
    return {**settings, "retrain": _retraining(name)} if isinstance(name, str) else settings


def _retraining(name: str) -> dict[str, Any]:
    return _settings_of(find_recipe(name, "retraining recipe"))


def _settings_of(path: Path) -> dict[str, Any]:
    return {name: value for name, value in load_yaml(path).items() if name != "description"}


def with_overrides(settings: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return settings in which options such as ``--distill.lr 0.01`` replace values.

    >>> with_overrides({"seed": 0, "distill": {"lr": 0.5}}, ["--distill.lr", "0.25", "--seed=3"])
    {'seed': 3, 'distill': {'lr': 0.25}}
    """
    changed = deepcopy(dict(settings))
    words = list(overrides)
    while words:
        option, equals, text = words.pop(0).partition("=")
        hint = Any if option == "--config" else _hint(option)
        if not equals:
            if not words:
                raise ConfigError(f"{option} needs a value")
            text = words.pop(0)
        if option == "--config":
            over = load_yaml(Path(text))
            if isinstance(over.get("retrain"), str):
                changed["retrain"] = {}  # a named way of retraining is complete
            _merge(changed, _with_retraining(over))
        else:
            _set(changed, option, _value(option, text, hint))
    return changed


def check_names(settings: Mapping[Any, Any], kind: Any, *, where: str, prefix: str = "") -> None:
    """Raise `UnknownNameError` for a setting that the dataclass `kind` does not have."""
    hints, known = get_type_hints(kind), [field.name for field in fields(kind)]
    for name, value in settings.items():
        if name not in known:
            raise UnknownNameError(f"setting in {where}{f' under {prefix}' if prefix else ''}:", str(name), known)
        inner = _inner(hints[name])
        if inner is not None and isinstance(value, Mapping):
            parts = value.items() if _is_named(hints[name]) else [("", value)]
            for key, item in parts:
                if isinstance(item, Mapping):
                    below = ".".join(part for part in (prefix, name, str(key)) if part)
                    check_names(item, inner, where=where, prefix=below)


def _hint(option: str) -> Any:
    """Return the type of the setting that an option names."""
    kind: Any = Recipe
    parts = option.removeprefix("--").replace("-", "_").split(".")
    while parts:
        hints = get_type_hints(kind)
        name = parts.pop(0)
        if name not in hints:
            raise unknown_option(option, _all_options(Recipe, "--"))
        hint, inner = hints[name], _inner(hints[name])
        if inner is None:
            return Any if parts else hint
        if _is_named(hint) and parts:
            parts.pop(0)
        elif _is_named(hint):
            return Any
        kind = inner
    return kind


def _all_options(kind: Any, prefix: str) -> list[str]:
    options: list[str] = ["--config"] if prefix == "--" else []
    for name, hint in get_type_hints(kind).items():
        options.append(f"{prefix}{name}")
        inner = _inner(hint)
        if inner is not None and not _is_named(hint):
            options += _all_options(inner, f"{prefix}{name}.")
    return options


def _value(option: str, text: str, hint: Any) -> Any:
    if hint is str:
        return text
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{option} {text!r} is not YAML: {' '.join(str(error).split())}") from error
    if hint is RetrainConfig and isinstance(value, str):
        return _retraining(value)
    return load_yaml(Path(value)) if is_dataclass(hint) and isinstance(value, str) else value


def _set(settings: dict[str, Any], option: str, value: Any) -> None:
    *path, last = option.removeprefix("--").split(".")
    place = settings
    for depth, name in enumerate(path, start=1):
        inside = place.get(name)
        if inside is not None and not isinstance(inside, dict):
            raise ConfigError(f"{option}: {'.'.join(path[:depth])} is {inside!r}, which has no settings of its own")
        place[name] = place = {} if inside is None else inside
    place[last.replace("-", "_") if not path else last] = value


def _merge(settings: dict[str, Any], over: Mapping[str, Any]) -> None:
    for name, value in over.items():
        before = settings.get(name)
        if isinstance(before, dict) and isinstance(value, Mapping):
            _merge(before, value)
        else:
            settings[name] = value


def _build(kind: Any, values: Mapping[str, Any], *, where: str, prefix: str) -> Any:
    """Build a dataclass; plain fields are checked and converted by jsonargparse, dataclasses inside it here."""
    hints = get_type_hints(kind)
    inner = {name: part for name, hint in hints.items() if (part := _inner(hint)) is not None}
    made: dict[str, Any] = {}
    for name, part in inner.items():
        if name not in values:
            continue
        value, below = values[name], f"{prefix}{name}"
        if value is None and type(None) in get_args(hints[name]):
            made[name] = None
        elif not isinstance(value, Mapping):
            raise ConfigError(
                f"{where}: {below} must hold settings ({', '.join(_names(part)[:3])}, ...), not {value!r}"
            )
        elif _is_named(hints[name]):
            made[name] = {
                str(key): _build(part, item or {}, where=where, prefix=f"{below}.{key}.")
                if isinstance(item, Mapping | None)
                else _not_settings(where, f"{below}.{key}", part, item)
                for key, item in value.items()
            }
        else:
            made[name] = _build(part, value, where=where, prefix=f"{below}.")
    plain = {name: value for name, value in values.items() if name not in inner}
    return kind(**made, **_checked(kind, plain, hints, skip=set(inner), where=where, prefix=prefix))


def _not_settings(where: str, name: str, kind: Any, value: Any) -> Any:
    raise ConfigError(f"{where}: {name} must hold settings ({', '.join(_names(kind)[:3])}, ...), not {value!r}")


def _checked(
    kind: Any, values: dict[str, Any], hints: Mapping[str, Any], *, skip: set[str], where: str, prefix: str
) -> dict[str, Any]:
    """Return plain values with the types of their fields."""
    parser = _parser(kind, frozenset(skip))
    for name, value in values.items():
        if value is None and type(None) not in get_args(hints[name]):
            raise ConfigError(f"{where}: {prefix}{name} must be {_words(hints[name])}, not null")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # jsonargparse warns about its own future defaults
        with suppress(Exception):
            together = parser.parse_object(values)
            return {name: together[name] for name in values}
        checked: dict[str, Any] = {}
        for name, value in values.items():  # one by one, to name the one that is wrong
            try:
                checked[name] = parser.parse_object({name: value})[name]
            except HelixError:
                raise
            except Exception as error:
                raise ConfigError(f"{where}: {prefix}{name} must be {_words(hints[name])}, not {value!r}") from error
    return checked


@cache
def _parser(kind: Any, skip: frozenset[str]) -> ArgumentParser:
    """Return the parser of a dataclass's fields but some; it reads the source for it, so once is enough."""
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind, None, skip={*skip})
    return parser


def _words(hint: Any) -> str:
    """Return what a setting of this type must be, for messages."""
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(str(choice) for choice in get_args(hint))
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_words(part) for part in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a list of which each is {_words(get_args(hint)[0])}"
    if isinstance(get_origin(hint), type) and issubclass(get_origin(hint), Mapping):
        return "a mapping of names to values"
    return WORDS.get(hint, str(hint))


def _names(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]


def _inner(hint: Any) -> Any:
    """Return the dataclass in a type: itself, optional, or the values of a dict; None where there is none."""
    return next((part for part in (hint, *get_args(hint)) if is_dataclass(part)), None)


def _is_named(hint: Any) -> bool:
    """Whether a setting holds dataclasses by name."""
    return get_origin(hint) is dict
