"""Recipes on the command line: a YAML file, and options such as ``--distill.lr`` that replace its settings."""

import json
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import MISSING
from pathlib import Path
from typing import Any, TypeVar

import yaml

from helixnas.cli.command import unknown_option
from helixnas.cli.shipped import find_recipe
from helixnas.cli.yaml_file import load_yaml
from helixnas.errors import ConfigError
from helixnas.pipeline.recipe import Recipe
from helixnas.rating.config import EMBEDDING_DISTANCE
from helixnas.retrain.config import RetrainConfig
from helixnas.settings import Setting, build, check_names, hint_of, locate, read_value, sections, settings_class

T = TypeVar("T")

RETRAINING = "retraining recipe"

FILES = ("--config", "--preset")
"""Options that replace several settings at once."""

MOST_SHOWN = 120
"""Characters of a value that is not YAML in a message."""

WHOLE_GROUP = "a YAML file with all its settings"
"""What the option of a whole group takes."""

WHOLE = {
    "retrain": "null to skip it, or the name of a retraining recipe or a YAML file with all its settings",
    "generations": "their number, null for one search, or a YAML file with all their settings",
}
"""Help of the groups for which there is more to say."""


def add_recipe_arguments(parser: ArgumentParser) -> None:
    """Add an option per setting of a recipe, for the help; `with_overrides` reads them."""
    parser.add_argument("--config", metavar="FILE", help="YAML file of settings that replace those of the recipe")
    parser.add_argument("--preset", metavar="NAME", help="the same by name: paper, for the paper's setting")
    for section in sections(Recipe):
        group = parser.add_argument_group(_kebab(section.name) or "recipe", section.help)
        if section.optional:
            help_whole = WHOLE.get(section.name, f"null to leave it out, or {WHOLE_GROUP}")
            group.add_argument(f"--{_kebab(section.name)}", metavar="VALUE", default=SUPPRESS, help=help_whole)
        for setting in section.settings:
            group.add_argument(
                f"--{_kebab(setting.name)}", metavar="VALUE", default=SUPPRESS, help=_help(setting).replace("%", "%%")
            )


def read_recipe(name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a shipped recipe or a YAML file, and apply command line overrides.

    Raises:
        UnknownNameError: no such recipe, or a setting that does not exist (the message names the nearest).
        ConfigError: the file is not YAML, or a value is of the wrong type or out of range.
    """
    path = find_recipe(name)
    return recipe_from_settings(load_yaml(path), overrides, where=str(path))


def recipe_from_settings(settings: Mapping[str, Any], overrides: Sequence[str] = (), *, where: str) -> Recipe:
    """Build a recipe from plain values and command line overrides; `where` names their origin in messages."""
    settings = _with_retraining(settings)
    check_names(Recipe, settings, where=where)
    return build(Recipe, with_overrides(settings, overrides), where=where)


def read_training(name: str, kind: type[T], what: str) -> T:
    """Read a shipped retraining or fine-tuning recipe, or a YAML file, as settings of class `kind`.

    Raises:
        UnknownNameError: no such recipe or setting.
        ConfigError: the file is not YAML, or a value is of the wrong type or out of range.
    """
    return build(kind, _named(name, what), where=str(find_recipe(name, what)))


def with_overrides(settings: Mapping[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """Return settings changed by options such as ``--distill.lr 0.01``.

    Raises `ConfigError` if there is no such setting, or the value is of the wrong type or out of range.

    >>> with_overrides({"seed": 0, "distill": {"lr": 0.5}}, ["--distill.lr", "0.25", "--distill.num-epochs=3"])
    {'seed': 0, 'distill': {'lr': 0.25, 'num_epochs': 3}}
    """
    changed = deepcopy(dict(settings))
    words, presets = list(overrides), dict[str, Mapping[str, Any]]()
    while words:
        option, equals, text = words.pop(0).partition("=")
        place = None if option in FILES else locate(Recipe, option.removeprefix("--"))
        if option not in FILES and place is None:
            raise unknown_option(option, list(_options()))
        if not equals:
            if not words:
                raise ConfigError(f"{option} needs a value")
            text = words.pop(0)
        if place is None:
            over = load_yaml(Path(text)) if option == "--config" else _named(text, "preset")
            if isinstance(over.get("retrain"), str):
                changed["retrain"] = {}  # a named retraining recipe is complete
            over = _with_retraining(over)
            presets |= {text: over} if option == "--preset" else {}
            check_names(Recipe, over, where=text)
            _merge(changed, over)
        else:
            path, kind, setting = place
            value = _value(option, text, kind, setting, inside=path[-1] != setting)
            if path == ("generations",) and isinstance(value, int) and not isinstance(value, bool):
                path = ("generations", "number")
            _set(changed, option, path, value)
    for name, over in presets.items():
        _check_preset(name, over, changed)
    return changed


def _check_preset(name: str, preset: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Raise `ConfigError` where a preset with the scores of a fixed teacher meets a teacher that learns (DNA++)."""
    rating, distill = preset.get("rating"), settings.get("distill")
    scores = rating.get("scores") if isinstance(rating, Mapping) else None
    objective = distill.get("objective") if isinstance(distill, Mapping) else None
    if objective == "self-supervised" and scores not in (None, [EMBEDDING_DISTANCE]):
        raise ConfigError(
            f"--preset {name} is for a fixed teacher, whose features the blocks reproduce, but this recipe's teacher learns with "
            "them (distill.objective=self-supervised); leave the preset out: imagenet-dna-t++ is the recipe with the paper's "
            "setting of that"
        )


def _with_retraining(settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return settings in which the name of a retraining recipe is replaced by its settings."""
    name = settings.get("retrain")
    return {**settings, "retrain": _named(name, RETRAINING)} if isinstance(name, str) else settings


def _named(name: str, what: str) -> dict[str, Any]:
    """Return the settings of a retraining or fine-tuning recipe, or of a preset."""
    return {key: value for key, value in load_yaml(find_recipe(name, what)).items() if key != "description"}


def _value(option: str, text: str, kind: type, setting: str, *, inside: bool) -> Any:
    """Return the value of an option; `inside` if it sets a part of the setting."""
    hint = hint_of(kind, setting)
    if hint is str and not inside:
        value: Any = text
    else:
        try:
            value = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            raise ConfigError(f"{option} {text[:MOST_SHOWN]!r} is not YAML: {' '.join(str(error).split())}") from error
    group = settings_class(hint)
    if hint == tuple[str, ...] and isinstance(value, str) and not inside:
        value = [part.strip() for part in value.split(",") if part.strip()]
    if group is None and not inside:
        read_value(kind, setting, value, name=option)
    if group is RetrainConfig and isinstance(value, str):
        return _named(value, RETRAINING)
    if group is None or not isinstance(value, str):
        return value
    if not Path(value).is_file():
        raise ConfigError(f"{option} is {value!r}, but there is no such file; give {WHOLE.get(setting, WHOLE_GROUP)}")
    return load_yaml(Path(value))


def _set(settings: dict[str, Any], option: str, path: Sequence[str], value: Any) -> None:
    place = settings
    for depth, name in enumerate(path[:-1], start=1):
        inside = place.get(name)
        if inside is not None and not isinstance(inside, dict):
            raise ConfigError(f"{option}: {'.'.join(path[:depth])} is {inside!r}, which holds no settings")
        place[name] = place = {} if inside is None else inside
    place[path[-1]] = value


def _merge(settings: dict[str, Any], over: Mapping[str, Any]) -> None:
    for name, value in over.items():
        before = settings.get(name)
        if isinstance(before, dict) and isinstance(value, Mapping):
            _merge(before, value)
        else:
            settings[name] = value


def _options() -> Iterator[str]:
    """Yield the options of all settings."""
    yield from FILES
    for section in sections(Recipe):
        yield from (f"--{_kebab(name)}" for name in (section.name, *(each.name for each in section.settings)) if name)


def _help(setting: Setting) -> str:
    """Return meaning, type, range, unit and default of a setting."""
    default = "" if setting.default is MISSING else f"; default {_shown(setting.default)}"
    return f"{setting.help} ({setting.type}{default})"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return value or "empty"
    return "none" if value in ((), {}) else json.dumps(value)


def _kebab(name: str) -> str:
    return name.replace("_", "-")
