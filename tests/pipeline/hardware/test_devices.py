"""The option --hardware: names, numbers, files and runs."""

from pathlib import Path

import pytest

from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline.hardware.devices import DEVICES, Hardware, parse_hardware


@pytest.mark.parametrize("name", [*DEVICES, "cpu"])
@pytest.mark.parametrize("number", [1, 8])
def test_every_device_is_known_alone_and_in_numbers(name: str, number: int) -> None:
    text = name if number == 1 else f"{name}x{number}"
    assert parse_hardware(text) == Hardware(name=name, number=number)


def test_files_and_runs_are_paths_with_or_without_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert parse_hardware("my.json") == Hardware(name="", measured=Path("my.json"))
    assert parse_hardware("my.jsonx4") == Hardware(name="", number=4, measured=Path("my.json"))
    Path("run").mkdir()
    with pytest.raises(UnknownNameError, match="unknown hardware 'run'"):
        parse_hardware("run")
    Path("run", "record.json").touch()
    assert parse_hardware("runx2") == Hardware(name="", number=2, measured=Path("run"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h10", "unknown hardware 'h10'; did you mean"),
        ("h100x", "unknown hardware 'h100x'; did you mean"),
        ("x8", "unknown hardware 'x8'"),
        ("", "unknown hardware ''"),
        ("h100x0", "--hardware h100x0 must name 1 to 10,000 devices, not 0"),
        ("h100x99999", "--hardware h100x99999 must name 1 to 10,000 devices, not 99,999"),
    ],
)
def test_what_is_no_hardware_is_refused_with_the_nearest(text: str, message: str) -> None:
    with pytest.raises((UnknownNameError, ConfigError)) as error:
        parse_hardware(text)
    assert str(error.value).startswith(message)


def test_a_device_without_bf16_uses_fp16() -> None:
    assert DEVICES["v100"].peak("bf16") == ("fp16", 125e12)
    assert DEVICES["h100"].peak("bf16") == ("bf16", 989.4e12)
    assert DEVICES["a100"].peak("fp32") == ("fp32", 156e12)
    assert DEVICES["a100"].peak("auto") == ("bf16", 312e12)
