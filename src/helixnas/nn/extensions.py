"""User modules that register operations and networks when imported."""

import importlib
import sys
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from weakref import WeakKeyDictionary

from helixnas.errors import ConfigError

_CONTENTS = WeakKeyDictionary[ModuleType, bytes]()
"""What the file of a module held when it was imported."""


def import_modules(names: Iterable[str]) -> None:
    """Import modules by name, from the current folder too, or by the path of their file (``nets/my_teacher.py``).

    The folder of a file is searched for other modules from then on. Raises `ConfigError` if one cannot be imported, or if its
    file is another than the one that this process imported, which Python would not notice.
    """
    for name in names:
        module, folder = _located(name)
        if not {folder, ""}.intersection(sys.path):
            sys.path.append(folder)  # it stays, because the module may import others later
        try:
            found = importlib.import_module(module)
        except ModuleNotFoundError as error:
            missing = (
                "" if error.name != module.partition(".")[0] else f" (searched: the current folder {folder}, sys.path)"
            )
            raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: {error}{missing}") from error
        except ImportError as error:
            raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: {error}") from error
        file = getattr(found, "__file__", None)
        if name.endswith(".py") and (file is None or Path(file).resolve() != Path(name).resolve()):
            raise ConfigError(
                f"cannot import {name!r}, named in the recipe's imports: {module} is already the module {file or module}; rename "
                "the file"
            )
        if file is not None:
            _require_unchanged(name, found, Path(file))


def _require_unchanged(name: str, module: ModuleType, file: Path) -> None:
    content = file.read_bytes() if file.is_file() else b""
    if _CONTENTS.setdefault(module, content) != content:
        raise ConfigError(
            f"{name!r}, named in the recipe's imports, has changed since this process imported it; start Python again, so that "
            "the new one is used"
        )


def _located(name: str) -> tuple[str, str]:
    """Return the name of a module and the folder to search for it; raises `ConfigError` for a file that is not there."""
    if not name.endswith(".py"):
        return name, str(Path.cwd())
    file = Path(name)
    if not file.is_file():
        raise ConfigError(f"cannot import {name!r}, named in the recipe's imports: there is no such file")
    if not file.stem.isidentifier():
        raise ConfigError(
            f"cannot import {name!r}, named in the recipe's imports: its name must consist of letters, digits and '_'"
        )
    return file.stem, str(file.resolve().parent)
