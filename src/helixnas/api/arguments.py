"""Arguments of the Python interface, checked before anything is computed; each mistake is one sentence.

Settings check themselves (`helixnas.settings`); these are the arguments that are no settings.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from rich.console import Console

from helixnas.engine.console import ConsoleReporter, LineReporter
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError

Say = Callable[[str], None] | Literal["console"] | None
"""Where a run reports: the console, with bars; a function, which gets lines; nowhere."""


def as_path(value: Any, name: str) -> Path:
    """Return a path; raises `ConfigError` unless the value is text or a path.

    >>> as_path("runs/mine", "out").name
    'mine'
    """
    if not isinstance(value, str | Path) or not str(value):
        raise ConfigError(f"{name} must be a path, for example 'runs/mine', not {value!r}")
    return Path(value)


def as_mapping(value: Any, name: str, example: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dictionary; raises `ConfigError` unless the value maps names to something, as the `example` does.

    >>> as_mapping("macs=40%", "max", {"macs": "40%"})
    Traceback (most recent call last):
    helixnas.errors.ConfigError: max must be a dict such as {'macs': '40%'}, not 'macs=40%'
    """
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise ConfigError(f"{name} must be a dict such as {dict(example)!r}, not {value!r}")
    return dict(value)


def as_names(value: Any, name: str, example: Sequence[str]) -> tuple[str, ...]:
    """Return names as a tuple; raises `ConfigError` for anything else, a single text too.

    >>> as_names(["layer1", "layer2"], "boundaries", ["layer1"])
    ('layer1', 'layer2')
    """
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ConfigError(f"{name} must be a list such as {list(example)!r}, not {value!r}")
    names = tuple(value)
    if not all(isinstance(each, str) for each in names):
        raise ConfigError(f"{name} must be a list such as {list(example)!r}, not {list(names)!r}")
    return names


def as_count(value: Any, name: str) -> int:
    """Return a whole number; raises `ConfigError` unless the value is one of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        raise ConfigError(f"{name} must be a whole number of at least 0, not {value!r}")
    return value


def as_number(value: Any, name: str) -> float:
    """Return a number; raises `ConfigError` unless the value is one.

    >>> as_number(2, "hours")
    2.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{name} must be a number, not {value!r}")
    try:
        return float(value)
    except OverflowError as error:
        raise ConfigError(f"{name} is too large for a number") from error


def as_text(value: Any, name: str, example: str) -> str:
    """Return a text; raises `ConfigError` unless the value is one that is not empty."""
    if not isinstance(value, str) or not value:
        raise ConfigError(f"{name} must be a text such as {example!r}, not {value!r}")
    return value


def as_reporter(say: Any, tensorboard: Path) -> Reporter:
    """Return what reports a run: on the console, with scalars in a folder of TensorBoard; to a function; or nowhere.

    Raises `ConfigError` unless `say` is "console", a function or None.

    >>> as_reporter("print", Path("logs"))
    Traceback (most recent call last):
    helixnas.errors.ConfigError: say must be 'console', a function that takes a text, for example print, or None, not 'print'
    """
    if say is None:
        return Reporter()
    if say == "console":
        return ConsoleReporter(Console(), tensorboard)
    if not callable(say):
        raise ConfigError(
            f"say must be 'console', a function that takes a text, for example print, or None, not {say!r}"
        )
    return LineReporter(say)
