"""Theorem 2 on the toy problem: solved in closed form, bounded as it says, and printed as the guide shows it."""

import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
BENCHMARK = ROOT / "benchmarks" / "theorem.py"


@pytest.mark.skipif(not BENCHMARK.is_file(), reason="the source distribution has no benchmarks")
def test_the_toy_problem_keeps_the_bound_and_prints_the_table_of_the_guide(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(BENCHMARK), run_name="__main__")
    printed = capsys.readouterr().out
    assert len(printed.splitlines()) == 5
    assert printed in (ROOT / "docs" / "guide" / "theorem.md").read_text(encoding="utf-8")
