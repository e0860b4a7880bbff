"""A recipe that runs end to end in seconds, and one finished run of it."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from helixnas.cli.recipes import read_recipe
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.run_folder import RunFolder

TINY = Path(__file__).parent / "tiny.yaml"


class Listener(Reporter):
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def listener() -> Listener:
    return Listener()


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
