"""Recipes on the command line: a YAML file, with any setting replaced by an option of the same dotted name."""

import difflib
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from jsonargparse import ArgumentParser, set_parsing_settings

from helixnas.errors import ConfigError, HelixError, UnknownNameError
from helixnas.pipeline.recipe import Recipe, find_recipe

set_parsing_settings(docstring_parse_attribute_docstrings=True)


def add_recipe_arguments(parser: ArgumentParser) -> None:
    """Give a parser one option per setting of a recipe."""
    parser.add_argument("--config", action="config", help="a YAML file of further settings, over the recipe's")
    parser.add_class_arguments(Recipe, None, instantiate=True)


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
    check_names(settings, Recipe, where=where)
    parser = ArgumentParser(prog="helixnas run", exit_on_error=False)
    add_recipe_arguments(parser)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # jsonargparse warns about its own future defaults
            base = parser.parse_object(dict(settings))
            values = parser.parse_args(list(overrides), namespace=base) if overrides else base
            made = parser.instantiate(values)
    except HelixError:
        raise
    except Exception as error:
        raise explain(error, option_names(parser), where) from error
    return Recipe(**{field.name: getattr(made, field.name) for field in fields(Recipe)})


def load_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file; raises `ConfigError` where it holds none."""
    try:
        content = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"cannot read the recipe {path}: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"the recipe {path} must hold settings such as 'teacher:' and 'space:', not {type(content).__name__}")
    return content


def check_names(settings: Mapping[str, Any], kind: Any, *, where: str, prefix: str = "") -> None:
    """Raise `UnknownNameError` for a setting that the dataclass `kind` does not have."""
    hints = get_type_hints(kind)
    known = [field.name for field in fields(kind)]
    for name, value in settings.items():
        if name not in known:
            raise UnknownNameError(f"setting in {where}{f' under {prefix}' if prefix else ''}:", str(name), known)
        inner = next((part for part in (hints[name], *get_args(hints[name])) if is_dataclass(part)), None)
        if inner is not None and isinstance(value, Mapping):
            if str(hints[name]).startswith("dict"):
                for key, item in value.items():
                    if isinstance(item, Mapping):
                        check_names(item, inner, where=where, prefix=f"{prefix}{name}.{key}")
            else:
                check_names(value, inner, where=where, prefix=f"{prefix}{name}")


def option_names(parser: ArgumentParser) -> list[str]:
    """Return every long option of a parser."""
    return [option for action in parser._actions for option in action.option_strings if option.startswith("--")]


def explain(error: BaseException, options: Sequence[str], where: str) -> HelixError:
    """Return one clear sentence for what an argument parser found wrong."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, HelixError):
            return cause
        cause = cause.__cause__ or cause.__context__
    text = " ".join(str(error).split())
    marker = "unrecognized arguments:"
    if marker in text.lower():
        unknown = text[text.lower().index(marker) + len(marker) :].split()[0].split("=")[0]
        close = difflib.get_close_matches(unknown, options, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(close)}?" if close else "see --help"
        return ConfigError(f"unknown option {unknown}; {hint}")
    return ConfigError(f"{where}: {text}")
