"""A recipe that runs end to end in seconds, and one finished run of it."""

import hashlib
import os
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path

import pytest

from helixnas.cli.settings import read_recipe
from helixnas.pipeline import drive
from helixnas.pipeline.recipe import Recipe
from helixnas.engine.progress import Reporter
from helixnas.pipeline.run import run_recipe
from helixnas.artifacts.run_folder import RunFolder

TINY = Path(__file__).parent / "tiny.yaml"


class Listener(Reporter):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


class Stopping(Reporter):
    """Asks the process to stop, as Ctrl-C and SIGTERM do, at steps of what goes by a title; keeps what was shown."""

    def __init__(self, title: str, *steps: int, number: int = signal.SIGINT) -> None:
        self.title, self.steps, self.number = title, list(steps), number
        self.shown: list[str] = []

    @contextmanager
    def progress(self, title: str, total: int) -> Generator[Callable[..., None]]:
        """Watch every step."""

        def watch(done: int, note: str = "", *, total: int | None = None) -> None:
            self.shown.append(f"{title} {done} {note}")
            if title == self.title and done in self.steps:
                self.steps.remove(done)
                os.kill(os.getpid(), self.number)

        yield watch


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def stopping() -> type[Stopping]:
    return Stopping


@pytest.fixture
def stopped_after(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], AbstractContextManager[None]]:
    """Return a function that makes a context in which a job is asked to stop after so many steps."""

    @contextmanager
    def stopped_after(steps: int) -> Generator[None]:
        asked = iter([False] * steps + [True])
        with monkeypatch.context() as patch:
            patch.setattr(drive, "stop_requests", lambda: nullcontext(lambda: next(asked)))
            yield

    return stopped_after


@pytest.fixture(scope="session")
def tiny() -> Recipe:
    return read_recipe(str(TINY))


@pytest.fixture(scope="session")
def tiny_path() -> Path:
    return TINY


@pytest.fixture(scope="session", autouse=True)
def _plain_page() -> Iterator[None]:
    """The page has its own tests; here it costs seconds and no more than its being written matters."""

    def write(run: Path) -> Path:
        (run / "report.html").write_text("<html></html>")
        return run / "report.html"

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("helixnas.pipeline.run.build_report", write)
        yield


@pytest.fixture(scope="session")
def finished(tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    """A finished run; tests that change one copy it."""
    folder = RunFolder(tmp_path_factory.mktemp("runs") / "finished")
    run_recipe(tiny, folder, Reporter())
    return folder


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    """A copy of the finished run."""
    shutil.copytree(finished.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


@pytest.fixture(scope="session")
def digests() -> Callable[[Path], dict[str, str]]:
    """Return the SHA-256 of everything a run computes, by file."""

    def of(run: Path) -> dict[str, str]:
        patterns = ("supernet/*", "teacher/*", "ratings/*", "costs.parquet", "history/*", "searches/**/*")
        files = {file for pattern in patterns for file in run.glob(pattern) if file.is_file()}
        kept = sorted(file for file in files if file.name != "result.json")  # it tells the seconds taken
        return {str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest() for file in kept}

    return of
