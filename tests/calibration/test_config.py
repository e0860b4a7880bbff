"""Settings of calibration."""

import pytest

from helixnas.calibration import CalibrationConfig
from helixnas.errors import HelixError


def test_calibration_is_off_by_default_and_trains_shortly() -> None:
    config = CalibrationConfig()
    assert config.num_networks == 0
    assert config.training.num_epochs == 2
    assert config.training.warmup_epochs == 2 * config.fit.warmup_epochs / config.fit.num_epochs


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"num_networks": 2}, "calibration.num_networks must be 0 or at least 3"),
        ({"scores": ("naswot", "naswot")}, "each once, not ['naswot', 'naswot']"),
        ({"scores": ("calibrated",)}, "calibration.scores must name scores of rating and proxies"),
        ({"share": 0.0}, "calibration.share must be above 0 and at most 1, not 0.0"),
    ],
)
def test_wrong_settings_are_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(HelixError) as raised:
        CalibrationConfig(**values)  # type: ignore[arg-type]
    assert sentence in str(raised.value)
