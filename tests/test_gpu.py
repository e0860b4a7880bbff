"""The benchmark of a GPU runs on a CPU too, on small networks, and writes what others read."""

import runpy
from pathlib import Path

import pytest

from helixnas.engine.gpu import compiling
from helixnas.pipeline.hardware.measured import MeasuredThroughput

BENCHMARK = Path(__file__).resolve().parents[1] / "benchmarks" / "gpu.py"


@pytest.mark.skipif(not BENCHMARK.is_file(), reason="the source distribution has no benchmarks")
def test_a_quick_run_measures_every_block_and_writes_the_machine(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiling, "BACKEND", compiling.BACKEND)  # the quick run changes it
    main = runpy.run_path(str(BENCHMARK))["main"]
    main(["--quick", "--device", "cpu", "--precision", "fp32", "--hardware", str(tmp_path / "hardware.json")])
    printed = capsys.readouterr().out
    rows = [line.split(" | ") for line in printed.splitlines() if line.startswith(("| 1 ", "| 2 "))]
    assert [row[-1] for row in rows] == ["8 |", "4 |"]  # 2 + 4 operations of one cell, and 2 of the other; 2 widths x 2
    for row in rows:
        assert all(float(value) > 0 for value in row[1:5])
        assert row[5] == "nan"  # no CUDA graphs here
    assert "The paper: 204 h (8.5 GPU-days). The aim: below 6 h" in printed
    hardware = MeasuredThroughput.load(tmp_path / "hardware.json")
    assert hardware.conditions == "fp32, 16 pixels, batch 4, synthetic images"
    assert hardware.missing == ["train"]
    assert all(1e3 < speed < 1e13 for speed in hardware.macs_per_second.values())
