"""The recipes that come with the package, and where a recipe's file lies; without torch, to tell a slip at once."""

from importlib import resources
from pathlib import Path

from helixnas.errors import ConfigError, UnknownNameError


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name.

    >>> "digits" in shipped_recipes()
    True
    """
    folder = Path(str(resources.files("helixnas") / "recipes"))
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find_recipe(name: str) -> Path:
    """Return the file of a shipped recipe or of a path.

    Raises:
        UnknownNameError: neither a recipe of that name nor a file.
        ConfigError: the name is that of a YAML file that does not exist.
    """
    known = shipped_recipes()
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"there is no recipe file {path}")
        return path
    raise UnknownNameError("recipe", name, known)
