"""helixnas settle on a real run: the moments, the settings it keeps, and bad input in a sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main


def test_a_run_is_rated_at_two_moments_and_keeps_the_last(run: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["settle", run, "--first", "0.25", "--latest", "0.5"]) == 0
    said = capsys.readouterr().out
    assert "0.25" in said
    assert "settled" in said
    assert "search again with: helixnas search 'my run'" in said
    assert RunFolder(run).load_settings()["distill"]["stop_at"] == 0.5
    assert main(["search", run]) == 0


def test_a_run_without_a_later_moment_is_refused(run: str, complaint: Callable[..., str]) -> None:
    assert "give an earlier one, for example --first 0.125" in complaint("settle", run)


def test_no_run_is_told(complaint: Callable[..., str], tmp_path: Path) -> None:
    assert "none" in complaint("settle", str(tmp_path / "none"))
