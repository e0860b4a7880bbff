import pytest

from helixnas.errors import ConfigError
from helixnas.lab.baselines import BaselineConfig


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"num_networks": 2}, "num_networks of a baseline must be at least 3, not 2"),
        ({"num_points": 0}, "num_points of a baseline must be at least 1, not 0"),
        ({"num_epochs": 0}, "num_epochs of a baseline must be at least 1, not 0"),
        ({"lr": 0.0}, "lr of a baseline must be above 0, not 0.0"),
        ({"momentum": 1.5}, "momentum of a baseline must be below 1, not 1.5"),
        ({"weight_decay": -1.0}, "weight_decay of a baseline must not be negative, not -1.0"),
    ],
)
def test_a_setting_out_of_range_is_one_sentence(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        BaselineConfig(method="spos", **{"num_networks": 3, **settings})  # type: ignore[arg-type]


def test_only_the_settings_of_the_method_are_told() -> None:
    spos, darts = (BaselineConfig(method=method, num_networks=3).to_dict() for method in ("spos", "darts"))
    assert "alpha_lr" not in spos
    assert "num_calibration" not in darts
    assert spos["lr"] == darts["lr"] == BaselineConfig(method="mnasnet", num_networks=3).fit().lr
