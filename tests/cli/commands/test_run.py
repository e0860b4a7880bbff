"""`helixnas run`: what it takes from other runs."""

from collections.abc import Callable
from pathlib import Path

import pytest

from helixnas.cli import main

Captured = pytest.CaptureFixture[str]


def test_finished_stages_of_another_run_are_shown_by_the_dry_run_and_taken_over(
    run: str, tiny: str, capsys: Captured
) -> None:
    words = ["run", tiny, "--out", "other", "--until", "costs", "--reuse", run]
    assert main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().out
    assert said.count("to be reused") >= 4
    assert f"--reuse '{run}'" in said or f"--reuse {run}" in said
    assert not Path("other").exists()
    assert main(words) == 0
    assert "teacher: reused from" in capsys.readouterr().out


def test_a_run_of_other_settings_is_named_with_the_difference(run: str, tiny: str, capsys: Captured) -> None:
    assert main(["run", tiny, "--out", "other", "--reuse", run, "--seed", "7", "--dry-run"]) == 0
    assert f"warning: nothing of {run} can be reused (teacher: seed changed from 0 to 7)" in capsys.readouterr().out


def test_what_is_no_run_is_refused_before_anything_begins(tiny: str, complaint: Callable[..., str]) -> None:
    assert "nowhere" in complaint("run", tiny, "--out", "other", "--reuse", "nowhere")
    assert not Path("other").exists()
