import pytest

from helixnas.engine import FitConfig
from helixnas.errors import ConfigError
from helixnas.retrain import RetrainConfig


def test_defaults_are_those_of_the_training_loop_without_dropout() -> None:
    config = RetrainConfig()
    assert (config.fit, config.drop_rate, config.drop_path_rate) == (FitConfig(), 0.0, 0.0)


@pytest.mark.parametrize("name", ["drop_rate", "drop_path_rate"])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_rates_outside_their_range_are_refused(name: str, value: float) -> None:
    with pytest.raises(ConfigError, match=rf"retrain.{name} must be at least 0 and below 1, not {value}"):
        RetrainConfig(**{name: value})  # type: ignore[arg-type]
