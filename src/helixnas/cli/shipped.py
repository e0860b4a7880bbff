"""The recipes that come with the package, and the file of a named recipe; without torch."""

from importlib import resources
from pathlib import Path

from helixnas.errors import ConfigError, UnknownNameError

KINDS = {
    "recipe": "",
    "retraining recipe": "retrain",
    "fine-tuning recipe": "finetune",
    "transfer recipe": "transfer",
    "study": "studies",
    "preset": "presets",
}
"""Kinds of recipes, and the folder of those that are shipped."""


def shipped_recipes(kind: str = "recipe") -> dict[str, Path]:
    """Return the shipped recipes of a kind, by name.

    >>> "digits" in shipped_recipes(), sorted(shipped_recipes("retraining recipe"))
    (True, ['cifar', 'deit', 'efficientnet', 'efficientnet-v2'])
    """
    folder = Path(str(resources.files("helixnas") / "recipes")) / KINDS[kind]
    return {file.stem: file for file in sorted(folder.glob("*.yaml"))}


def find_recipe(name: str, kind: str = "recipe") -> Path:
    """Return the file of a shipped recipe, or of a path to a YAML file.

    Raises:
        UnknownNameError: the name is neither a recipe nor a YAML file.
        ConfigError: the YAML file does not exist.
    """
    known = shipped_recipes(kind)
    if name in known:
        return known[name]
    path = Path(name)
    if path.suffix in (".yaml", ".yml"):
        if not path.is_file():
            raise ConfigError(f"there is no {kind} file {path}")
        return path
    raise UnknownNameError(kind, name, known)
