"""User modules that register operations and networks when imported."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path

from helixnas.errors import ConfigError


def import_modules(names: Iterable[str]) -> None:
    """Import modules by name, from the current folder too; raises `ConfigError` if one cannot be imported."""
    for name in names:
        folder = str(Path.cwd())
        if not {folder, ""}.intersection(sys.path):
            sys.path.append(folder)  # it stays, because the module may import others later
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            missing = (
                "" if error.name != name.partition(".")[0] else f" (searched: the current folder {folder}, sys.path)"
            )
            raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: {error}{missing}") from error
        except ImportError as error:
            raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: {error}") from error
