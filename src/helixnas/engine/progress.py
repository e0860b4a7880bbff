"""Reporter: receives the messages, progress and scalars of long work; `helixnas.engine.console` has those that show them."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable


@runtime_checkable
class Advance(Protocol):
    """Advances a progress bar."""

    def __call__(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Show that `done` of `total` (which may become known later) are done, with a short note."""
        ...


class Reporter:
    """A reporter that shows nothing, for library use and tests."""

    def say(self, text: str) -> None:
        """Show a sentence."""

    @contextmanager
    def progress(self, title: str, total: int) -> Generator[Advance]:
        """Show a progress bar with the time left while the context lasts."""
        yield lambda done, note="", *, total=None: None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log named values of a step."""

    def of_run(self, tensorboard: Path) -> "Reporter":
        """Return a reporter of the same kind for one of several runs, whose scalars belong into the folder `tensorboard`."""
        return self

    def close(self) -> None:
        """Flush buffered values."""
