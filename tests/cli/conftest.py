"""One finished tiny run for the verbs that read a run."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.cli.settings import read_recipe
from helixnas.engine.progress import Reporter
from helixnas.pipeline.run import run_recipe

TINY = Path(__file__).parents[1] / "pipeline" / "tiny.yaml"


@pytest.fixture
def tiny(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The tiny recipe in the current folder, as a user has it."""
    monkeypatch.chdir(tmp_path)
    shutil.copy(TINY, tmp_path)
    return "tiny.yaml"


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is searched and not retrained; tests that change one copy it."""
    path = tmp_path_factory.mktemp("runs") / "searched"
    run_recipe(read_recipe(str(TINY)), RunFolder(path), Reporter(), until="search")
    return path


@pytest.fixture
def run(searched: Path, tiny: str, tmp_path: Path) -> str:
    """A copy of the searched run in the current folder."""
    shutil.copytree(searched, tmp_path / "my run")
    return "my run"


@pytest.fixture
def complaint(capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Run the command line, which must exit with 2, and return its one sentence."""

    def of(*words: str) -> str:
        assert main(words) == 2
        said = capsys.readouterr().err
        assert said.startswith("helixnas: ")
        assert said.count("\n") == 1
        assert "Traceback" not in said
        return said.removeprefix("helixnas: ").strip()

    return of
