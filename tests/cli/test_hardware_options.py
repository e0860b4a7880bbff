"""The options --hardware and --price-per-hour: what they need, and what is refused."""

from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helixnas.cli.hardware_options import Asked, asked_hardware
from helixnas.errors import ConfigError
from helixnas.pipeline.hardware.devices import Hardware


def options(**given: Any) -> Namespace:
    return Namespace(**{"hardware": None, "price_per_hour": None, "dry_run": True, **given})


def test_without_the_option_the_dry_run_is_for_this_machine() -> None:
    assert asked_hardware(options()) is None
    assert asked_hardware(options(hardware="h100x8")) == Asked(hardware=Hardware(name="h100", number=8), price=None)
    assert asked_hardware(options(hardware="l4", price_per_hour=0.5)) == Asked(hardware=Hardware(name="l4"), price=0.5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"price_per_hour": 2.0}, "--price-per-hour is the price of a device, so it needs --hardware, for example"),
        ({"hardware": "h100", "dry_run": False}, "runs nothing, so it needs --dry-run"),
    ],
)
def test_options_that_do_not_fit_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        asked_hardware(options(**given))
    assert message in str(error.value)


def test_bad_hardware_is_one_sentence(tiny: str, complaint: Callable[..., str]) -> None:
    assert "unknown hardware 'h1000'; did you mean h100" in complaint("run", tiny, "--dry-run", "--hardware", "h1000")
    assert complaint("run", tiny, "--dry-run", "--hardware", "my.json") == "cannot read my.json: there is no such file"
    Path("my.json").write_text("{}")
    assert "it must look like" in complaint("run", tiny, "--dry-run", "--hardware", "my.json")
    gone = ("--data.name", "", "--data.root", "gone", "--hardware", "h100")
    assert "set expected_images" in complaint("run", tiny, "--dry-run", *gone)
