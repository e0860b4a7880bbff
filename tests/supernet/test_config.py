"""SupernetConfig: an unknown interface is refused."""

import pytest

from helixnas.errors import ConfigError
from helixnas.settings import build
from helixnas.supernet import SupernetConfig


def test_an_unknown_interface_is_answered_with_the_choices() -> None:
    with pytest.raises(ConfigError, match="supernet.interface must be one of adapter, widen, not 'glue'"):
        build(SupernetConfig, {"interface": "glue"}, where="my.yaml", prefix="supernet")
