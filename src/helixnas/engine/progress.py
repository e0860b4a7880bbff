"""Reporter: receives the messages, progress and scalars of long work. This one stays silent; the command line shows them."""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Advance(Protocol):
    """Moves a progress bar on."""

    def __call__(self, done: int, note: str = "", *, total: int | None = None) -> None:
        """Show that `done` of the total (which may become known later) are done, with a few words beside."""
        ...


class Reporter:
    """Says nothing: the reporter of library use and tests."""

    def say(self, text: str) -> None:
        """Show a sentence."""

    @contextmanager
    def progress(self, title: str, total: int) -> Generator[Advance]:
        """Show a progress bar with the time left while the context lasts."""
        yield lambda done, note="", *, total=None: None

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Log named values of a step."""

    def close(self) -> None:
        """Write out what is still held back."""
