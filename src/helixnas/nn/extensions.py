"""User modules that register operations and networks when imported."""

import importlib
from collections.abc import Iterable

from helixnas.errors import ConfigError


def import_modules(names: Iterable[str]) -> None:
    """Import modules by name; raises `ConfigError` if one cannot be imported."""
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: {error}") from error
