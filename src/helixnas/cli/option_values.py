"""Values of options: numbers, comma-separated lists, amounts per resource, and the run a command works on."""

from collections.abc import Collection, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import recipe_from_settings
from helixnas.errors import ConfigError
from helixnas.pipeline.recipe import Recipe

LIMIT = "RESOURCE=AMOUNT"


def words(text: str) -> list[str]:
    """Read a comma-separated list.

    >>> words("[a, b]")
    ['a', 'b']
    """
    return [part.strip() for part in text.strip("[] ").split(",") if part.strip()]


def amounts(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read RESOURCE=AMOUNT texts.

    >>> amounts(["macs=350M"], "--max")
    {'macs': '350M'}
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        if not equals or not name or not amount:
            raise ConfigError(f"{option} {text!r} must be RESOURCE=AMOUNT, for example macs=350M or params=60%")
        if name in found:
            raise ConfigError(f"{option} limits {name} twice; give each resource once")
        found[name] = amount
    return found


def require_partner(option: str, value: object, partner: str, *, is_given: bool) -> None:
    """Raise `ConfigError` for an option with a value that acts only beside a `partner`, which is not given."""
    if value is not None and not is_given:
        raise ConfigError(f"{option} changes nothing without {partner}; add {partner}, or leave {option} out")


def run_folder(path: str, console: Console | None = None, *, is_best: bool = False, search: str = "") -> RunFolder:
    """Return the folder of a run; of generations, the run of the last one, or of the best one, and say which.

    The best one must have the `search`, if one is named, where any generation has it.
    """
    lineage = LineageFolder(Path(path))
    if not lineage.exists():
        return RunFolder(Path(path))
    folder = lineage.best(search) if is_best else lineage.last()
    if console is not None:
        say_generation(console, folder, is_best=is_best)
    return folder


def say_generation(console: Console, folder: RunFolder, *, is_best: bool) -> None:
    """Print which generation a command works on."""
    say(console, f"of the generations, {folder.path} is taken, the {'best' if is_best else 'last'}")


def open_run(
    path: str, console: Console | None = None, *, is_best: bool = False, search: str = ""
) -> tuple[Recipe, RunFolder]:
    """Return recipe and folder of an existing run (`run_folder`); raises `ArtifactError` if there is none."""
    folder = run_folder(path, console, is_best=is_best, search=search)
    folder.load_record()
    return recipe_from_settings(folder.load_settings(), where=str(folder.config)), folder


@contextmanager
def named_as_options(section: str, names: Collection[str] = ()) -> Generator[None]:
    """Name the option instead of the setting of `section`, or one of `names`, at the beginning of an error message."""
    try:
        yield
    except ConfigError as error:
        name, space, rest = str(error).partition(" ")
        if space and (name.startswith(f"{section}.") or name in names):
            raise ConfigError(f"--{name.removeprefix(f'{section}.').replace('_', '-')} {rest}") from error
        raise


def say(console: Console, text: Any) -> None:
    """Print a line as it is, unwrapped and without markup or colours."""
    console.print(str(text), highlight=False, soft_wrap=True, markup=False)
