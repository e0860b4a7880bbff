"""Progress where no terminal shows bars: a line now and then, with the time left, printed or passed to a function."""

import io

import pytest
from rich.console import Console

from helixnas.engine import console as reporting
from helixnas.engine.console import ConsoleReporter, LineReporter, time_left
from helixnas.engine.progress import Reporter


@pytest.mark.parametrize("kind", ["console", "function"])
def test_lines_tell_what_is_done_and_the_time_left(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    clock = iter([0.0, 0.0, 1.0, 40.0, 40.0, 50.0])
    monkeypatch.setattr(reporting.time, "monotonic", lambda: next(clock))
    written = io.StringIO()
    on_console = ConsoleReporter(Console(file=written, width=120))
    reporter: Reporter = on_console if kind == "console" else LineReporter(lambda text: print(text, file=written))
    with reporter.progress("training networks", 100) as advance:
        advance(60)  # taken up from a checkpoint, so it says nothing of the pace
        advance(80, "loss 1.0")
        advance(81)
    assert written.getvalue() == "  training networks: 80/100, loss 1.0, about 40 s left\n"


def test_no_pace_gives_no_time() -> None:
    assert time_left(0, 10, 5.0) == ""
    assert time_left(5, 10, 60.0) == "about 2 min 0 s left"
