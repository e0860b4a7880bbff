"""demo: the recipe it runs, and when a browser is opened."""

from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.cli.commands.demo import RECIPE, SHORTER, has_display
from helixnas.cli.settings import read_recipe
from helixnas.pipeline.recipe import Recipe


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Recipe, RunFolder]]:
    """The runs that the demo starts, which do nothing here."""
    found: list[tuple[Recipe, RunFolder]] = []

    def note(recipe: Recipe, folder: RunFolder, *others: Any) -> None:
        found.append((recipe, folder))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("helixnas.pipeline.run.run_recipe", note)
    return found


def test_the_demo_runs_a_shorter_digits_and_opens_its_report(
    runs: list[tuple[Recipe, RunFolder]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setenv("DISPLAY", ":0")
    assert main(["demo"]) == 0
    ((recipe, folder),) = runs
    page = Path.cwd() / "runs" / "demo" / "report.html"
    assert folder.path == Path("runs/demo")
    assert recipe == read_recipe(RECIPE, SHORTER)
    assert str(page) in capsys.readouterr().out.splitlines()
    assert opened == [page.as_uri()]
    assert main(["demo", "--no-open", "--quiet", "--out", "else"]) == 0
    assert capsys.readouterr().out == f"{Path.cwd() / 'else' / 'report.html'}\n"
    assert len(opened) == 1


def test_every_training_of_the_demo_is_shorter_than_the_recipes() -> None:
    short, long = read_recipe(RECIPE, SHORTER), read_recipe(RECIPE)
    assert short.space == long.space
    assert short.teacher_fit.num_epochs < long.teacher_fit.num_epochs
    assert short.distill.num_epochs < long.distill.num_epochs
    assert short.retraining.fit.num_epochs < long.retraining.fit.num_epochs


def test_without_a_display_no_browser_is_started(
    runs: list[tuple[Recipe, RunFolder]], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    monkeypatch.setattr("helixnas.cli.commands.demo.has_display", lambda environment, platform: False)
    assert main(["demo"]) == 0
    assert opened == []
    assert not has_display({"SSH_CONNECTION": "a"}, "linux")
    assert has_display({"WAYLAND_DISPLAY": "wayland-0"}, "linux")
