"""Studies on the command line: a YAML file that names a recipe and the variants of it.

::

    description: Effect of the width of the interface.
    axis: interface
    base: digits
    settings: {retrain: null}               # for all variants, over the base
    variants:
      adapter: {supernet.interface: adapter}
      widen: {supernet.interface: widen}
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from helixnas.cli.settings import recipe_from_settings
from helixnas.cli.shipped import find_recipe
from helixnas.cli.yaml_file import load_yaml
from helixnas.errors import ConfigError, HelixError, UnknownNameError
from helixnas.experiments.study_plan import StudyPlan, Variant

TEXT, FLAG = (str, "a text"), (bool, "true or false")
TYPES = {"description": TEXT, "axis": TEXT, "ordered": FLAG, "feature_maps": FLAG}
FIELDS = (*TYPES, "base", "settings", "variants")
SECTIONS = ("data", "distill", "rating", "runtime", "stitching", "supernet", "teacher_fit")
"""Groups of settings that a study may change only setting by setting."""

LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]*")
"""Name of a variant, which is also the name of its folder."""


def read_study(
    name: str, *, base: str | None, overrides: Sequence[str], out: str | None, bench: str | None
) -> StudyPlan:
    """Read a shipped study or a YAML file; `base` is a recipe in place of its own, `bench` ranks every variant.

    The `overrides` replace settings of the base in every variant, before the variant's own settings do. `out` is the
    study's folder, by default ``studies/NAME``.

    Raises:
        UnknownNameError: no such study, recipe, field or setting.
        ConfigError: the file is no study, or a value has the wrong type or is out of range.
    """
    path = find_recipe(name, "study")
    values = _checked(load_yaml(path, what="study", such_as="the fields base and variants"), path)
    _check_overrides(overrides, values["variants"], path)
    recipe = find_recipe(base or _base_beside(path, values["base"]))
    common = [*_words(values.get("settings") or {}), *overrides]
    variants: list[Variant] = []
    for label, changes in values["variants"].items():
        own, where = changes or {}, f"{path}, variant {label}"
        try:
            built = recipe_from_settings(load_yaml(recipe), [*common, *_words(own)], where=str(recipe))
        except HelixError as error:
            raise ConfigError(f"{where}: {error}") from error
        variants.append(Variant(label=str(label), changes=own, recipe=built))
    title = path.stem if base is None else f"{path.stem}-{recipe.stem}"
    return StudyPlan(
        name=title,
        description=values.get("description", ""),
        base=recipe.stem,
        axis=values.get("axis", "variant"),
        ordered=values.get("ordered", False),
        feature_maps=values.get("feature_maps", False),
        variants=tuple(variants),
        out=Path(out or f"studies/{title}"),
        benchmark=None if bench is None else Path(bench),
    )


def _checked(values: Mapping[str, Any], path: Path) -> Mapping[str, Any]:
    """Return the fields of a study's file; raises if one is unknown, missing or of the wrong type."""
    for field in values:
        if field not in FIELDS:
            raise UnknownNameError(f"field of the study {path}:", field, FIELDS)
    if not isinstance(values.get("base"), str):
        raise ConfigError(f"the study {path} must name a recipe in base, not {values.get('base')!r}")
    for field, (kind, name) in TYPES.items():
        if field in values and not isinstance(values[field], kind):
            raise ConfigError(f"{field} of the study {path} must be {name}, not {values[field]!r}")
    variants = values.get("variants")
    if not isinstance(variants, Mapping) or len(variants) < 2:
        raise ConfigError(f"the study {path} needs at least two variants, each a label with settings by dotted name")
    folders: dict[str, str] = {}
    for label, changes in variants.items():
        if isinstance(label, bool | None) or not LABEL.fullmatch(str(label)):
            raise ConfigError(
                f"the study {path} has a variant {str(label)!r}; it names a folder: use letters, digits, spaces and . _ + -"
            )
        other = folders.get(str(label).casefold())
        if other is not None:
            raise ConfigError(
                f"the study {path} has variants {other!r} and {str(label)!r}, which may be the same folder; rename one"
            )
        folders[str(label).casefold()] = str(label)
        _check_settings(changes, f"variant {label} of the study {path}")
    _check_settings(values.get("settings"), f"settings of the study {path}")
    return values


def _check_settings(values: Any, where: str) -> None:
    if values is not None and not (isinstance(values, Mapping) and all(isinstance(name, str) for name in values)):
        raise ConfigError(f"{where} must be settings by dotted name, such as distill.lr: 0.01, not {values!r}")
    for name, value in (values or {}).items():
        if name in SECTIONS and isinstance(value, Mapping):
            inside = next(iter(value), "lr")
            raise ConfigError(
                f"{where} sets all of {name}, which would reset its other settings to their defaults; name settings "
                f"one by one, as in {name}.{inside}: {json.dumps(value.get(inside), default=str)}"
            )


def _check_overrides(overrides: Sequence[str], variants: Mapping[Any, Mapping[str, Any] | None], path: Path) -> None:
    """Raise if an option sets what every variant sets itself."""
    given = {word.removeprefix("--").partition("=")[0] for word in overrides if word.startswith("--")}
    own = [{name.replace("-", "_") for name in changes or ()} for changes in variants.values()]
    for name in sorted(given):
        if all(name.replace("-", "_") in names for names in own):
            raise ConfigError(f"--{name} has no effect: every variant of the study {path} sets {name}; leave it out")


def _base_beside(path: Path, base: str) -> str:
    """Return the base of a study; a file is looked up beside the study first, then in the current folder."""
    beside = path.parent / base
    return str(beside) if beside.suffix in (".yaml", ".yml") and beside.is_file() else base


def _words(changes: Mapping[str, Any]) -> list[str]:
    """Return settings as command line options.

    >>> _words({"seed": 41, "supernet.interface": "widen", "teacher.boundaries": ["a", "b"]})
    ['--seed=41', '--supernet.interface=widen', '--teacher.boundaries=["a", "b"]']
    """
    return [
        f"--{name}={value if isinstance(value, str) else json.dumps(value, default=str)}"
        for name, value in changes.items()
    ]
