"""Hours on other hardware as the dry run prints them: what is measured is not called assumed, and the other way round."""

import json
import re
from pathlib import Path

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main

Captured = pytest.CaptureFixture[str]
UNITS = {"s": 1, "min": 60, "h": 3600}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")


def printed(tiny_path: Path, capsys: Captured, *words: str) -> str:
    assert main(["run", str(tiny_path), "--dry-run", "--expected-images", "1797", *words]) == 0
    return capsys.readouterr().out


def seconds(text: str, stage: str) -> float:
    """Return the time of a stage on one device."""
    (found,) = re.findall(rf"^│ {stage} +│ +([\d.,]+) (s|min|h) │", text, re.MULTILINE)
    return float(found[0].replace(",", "")) * UNITS[found[1]]


def test_a_gpu_is_said_to_be_not_measured_and_its_times_are_ranges(tiny_path: Path, capsys: Captured) -> None:
    text = printed(tiny_path, capsys, "--hardware", "h100x8", "--price-per-hour", "2.5")
    assert "time on 8 x NVIDIA H100 SXM: not measured" in text
    assert "989.4 TFLOPS" not in text  # the recipe is in fp32
    assert "published peaks (494.7 TFLOPS in fp32, 3.35 TB/s)" in text
    assert "assumed: 40 to 95 % of that bound is reached" in text
    assert re.search(r"│ distill +│ +[\d.]+ to [\d.]+ s │ +[\d.]+ to [\d.]+ s │ +[\d.]+ to [\d.]+ s │", text)
    assert re.search(r"│ stitch +│ [^│]* │ +as on 1 │ +as on 1 │", text)
    assert re.search(
        r"^cost: [\d.]+ to [\d.]+, for 8 devices held for .* at 2.5 per device and hour$", text, re.MULTILINE
    )
    assert "estimated time on this machine" not in text
    assert "the paper" not in text


def test_one_device_has_one_column_and_no_price_unless_it_is_given(tiny_path: Path, capsys: Captured) -> None:
    text = printed(tiny_path, capsys, "--hardware", "v100")
    assert "time on NVIDIA V100 SXM2 32 GB: not measured" in text
    assert "in jobs" not in text
    assert "cost:" not in text


def test_what_does_not_fit_a_device_is_said_with_the_batch_to_lower(tiny_path: Path, capsys: Captured) -> None:
    text = printed(tiny_path, capsys, "--hardware", "v100", "--retrain.fit.batch-size", "10000000")
    assert re.search(
        r"memory of retrain, about \d+ GB in float32, is more than the 32 GB of a device; lower retrain.fit.batch_size, now "
        "10000000",
        text,
    )
    assert "memory of distill" not in text


def test_this_machine_is_measured(tiny_path: Path, capsys: Captured) -> None:
    text = printed(tiny_path, capsys, "--hardware", "cpu")
    assert "time on this machine" in text
    assert "measured on this machine just now" in text
    assert "not measured" not in text
    assert seconds(text, "distill") > 0


def test_a_run_and_a_file_are_measured_hardware(run: str, tiny_path: Path, capsys: Captured) -> None:
    took = RunFolder(run).load_record().stages["distill"].seconds
    settings = Path(run, "config.yaml")
    settings.write_text(settings.read_text().replace("expected_images: 0", "expected_images: 1797"))
    text = printed(tiny_path, capsys, "--hardware", run)
    assert seconds(text, "distill") == pytest.approx(took, rel=0.06)  # two digits are printed
    assert "from measured throughput (stages of my run, recipe tiny, fp32)" in text
    assert "not measured" not in text
    values = {"format": "helixnas hardware", "version": 1, "device": "mine", "macs_per_second": {"distill": 1e9}}
    Path("my.json").write_text(json.dumps(values))
    text = printed(tiny_path, capsys, "--hardware", "my.jsonx2")
    assert "time on 2 x mine" in text
    assert "train, rate: not measured, so the slowest of the measured kinds is taken" in text
