"""Reporters that people read: bars on a terminal with scalars in TensorBoard, or lines that a function receives."""

import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from helixnas.engine.progress import Advance, Reporter
from helixnas.engine.timing import duration

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter

SECONDS_BETWEEN_LINES = 30.0
"""Least time between two lines of progress where there is no terminal."""


class LineReporter(Reporter):
    """Passes sentences to a function, and now and then a line of progress with the time left."""

    def __init__(self, say: Callable[[str], object]) -> None:
        self.pass_on = say

    def say(self, text: str) -> None:
        """Pass a sentence on."""
        self.pass_on(text)

    @contextmanager
    def progress(self, title: str, total: int) -> Generator[Advance]:
        """Pass occasional lines on."""
        yield _lines(self.pass_on, title, total)


class ConsoleReporter(Reporter):
    """Prints sentences and progress bars, and writes scalars into a TensorBoard folder."""

    def __init__(self, console: Console, tensorboard: Path | None = None) -> None:
        self.console = console
        self.folder = tensorboard
        self.writer: SummaryWriter | None = None

    def say(self, text: str) -> None:
        """Print a sentence above the bars."""
        self.console.print(text, highlight=False, soft_wrap=True, markup=False)

    @contextmanager
    def progress(self, title: str, total: int) -> Generator[Advance]:
        """Show a bar on a terminal, and occasional lines elsewhere."""
        if not self.console.is_terminal:
            yield _lines(self.say, title, total)
            return
        columns = (
            TextColumn("{task.description:<24}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[note]}"),
        )
        with Progress(*columns, console=self.console, transient=True) as bars:
            task = bars.add_task(title, total=total, note="")
            yield lambda done, note="", *, total=None: bars.update(task, completed=done, note=note, total=total)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Write values to TensorBoard."""
        if self.folder is not None:
            from torch.utils.tensorboard.writer import SummaryWriter  # imports torch

            self.writer = self.writer or SummaryWriter(str(self.folder))
            for name, value in values.items():
                self.writer.add_scalar(name, value, step)

    def of_run(self, tensorboard: Path) -> "ConsoleReporter":
        """Return a reporter on the same terminal with a TensorBoard folder of its own."""
        return ConsoleReporter(self.console, tensorboard)

    def close(self) -> None:
        """Flush TensorBoard's file."""
        if self.writer is not None:
            self.writer.close()
            self.writer = None


def _lines(say: Callable[[str], object], title: str, total: int) -> Advance:
    """Return what says, at most every `SECONDS_BETWEEN_LINES`, how much is done."""
    expected, said = total, time.monotonic()
    began: tuple[int, float] | None = None

    def advance(done: int, note: str = "", *, total: int | None = None) -> None:
        nonlocal expected, said, began
        expected = total or expected
        began = began or (done, time.monotonic())
        if time.monotonic() - said >= SECONDS_BETWEEN_LINES:
            said = time.monotonic()
            left = time_left(done - began[0], expected - done, said - began[1])
            say(", ".join(filter(None, [f"  {title}: {done:,}/{expected:,}", note, left])))

    return advance


def time_left(done: int, rest: int, seconds: float) -> str:
    """Return the estimated time left in words; empty before anything is done.

    >>> time_left(10, 30, 20.0)
    'about 1 min 0 s left'
    """
    return f"about {duration(rest * seconds / done)} left" if done > 0 else ""
