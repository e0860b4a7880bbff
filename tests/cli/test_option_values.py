"""Values of options: lists, amounts, and settings named as options."""

import pytest

from helixnas.cli.option_values import amounts, named_as_options, words
from helixnas.errors import ConfigError


def test_lists_are_separated_by_commas_with_or_without_brackets() -> None:
    assert words("a,b") == words("[a, b]") == ["a", "b"]
    assert words("") == []


@pytest.mark.parametrize("text", ["macs", "=3", "macs="])
def test_an_amount_without_resource_or_value_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError, match="must be RESOURCE=AMOUNT"):
        amounts([text], "--max")


def test_a_resource_is_limited_once() -> None:
    assert amounts(["macs=1M", "params=60%"], "--max") == {"macs": "1M", "params": "60%"}
    with pytest.raises(ConfigError, match="--max limits macs twice"):
        amounts(["macs=1", "macs=2"], "--max")


def test_a_setting_is_named_as_its_option_and_others_are_left() -> None:
    with pytest.raises(ConfigError, match="^--batch-size must be 1$"), named_as_options("costs"):
        raise ConfigError("costs.batch_size must be 1")
    with pytest.raises(ConfigError, match="^rating.batch_size must be 1$"), named_as_options("costs"):
        raise ConfigError("rating.batch_size must be 1")
