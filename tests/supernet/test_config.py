"""SupernetConfig: an unknown interface and settings that contradict each other are refused."""

import pytest

from helixnas.errors import ConfigError
from helixnas.settings import build
from helixnas.supernet import SupernetConfig


def test_an_unknown_interface_is_answered_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="supernet.interface must be one of adapter, widen, not 'glue'"):
        build(SupernetConfig, {"interface": "glue"}, where="my.yaml", prefix="supernet")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"slimmable": True, "interface": "widen"},
            "supernet.slimmable needs supernet.interface=adapter: layers that .*",
        ),
        ({"slices": "two-sided"}, "supernet.slices=two-sided needs supernet.slimmable=true, but it is false"),
        ({"init": "teacher"}, "supernet.init=teacher needs supernet.slimmable=true, but it is false"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        SupernetConfig(**settings)  # type: ignore[arg-type]
