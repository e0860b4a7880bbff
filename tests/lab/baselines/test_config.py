import pytest

from helixnas.errors import ConfigError
from helixnas.lab.baselines import BaselineConfig
from helixnas.lab.baselines.config import Method


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"num_networks": 2}, "baseline.num_networks must be at least 3, not 2"),
        ({"num_points": 0}, "baseline.num_points must be at least 1, not 0"),
        ({"num_epochs": 0}, "baseline.num_epochs must be at least 1, not 0"),
        ({"lr": 0.0}, "baseline.lr must be above 0, not 0.0"),
        ({"momentum": 1.5}, "baseline.momentum must be at least 0 and below 1, not 1.5"),
        ({"weight_decay": -1.0}, "baseline.weight_decay must be at least 0, not -1.0"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        BaselineConfig(method="spos", **{"num_networks": 3, **settings})  # type: ignore[arg-type]


@pytest.mark.parametrize(("method", "least"), [("naswot", 2), ("gradnorm", 2), ("zico", 4)])
def test_a_batch_too_small_for_an_untrained_method_is_one_sentence(method: Method, least: int) -> None:
    with pytest.raises(ConfigError, match=f"baseline.batch_size must be at least {least} for {method}, not 1"):
        BaselineConfig(method=method, num_networks=3, batch_size=1)
    assert BaselineConfig(method=method, num_networks=3, batch_size=least).batch_size == least


def test_only_the_settings_of_the_method_are_told() -> None:
    spos, darts = (BaselineConfig(method=method, num_networks=3).to_dict() for method in ("spos", "darts"))
    assert "alpha_lr" not in spos
    assert "num_calibration" not in darts
    assert spos["lr"] == darts["lr"] == BaselineConfig(method="mnasnet", num_networks=3).fit().lr
