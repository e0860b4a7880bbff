"""CostsConfig: every mistake is told."""

from typing import Any

import pytest

from helixnas.costs import CostsConfig
from helixnas.errors import ConfigError, UnknownNameError


def test_nothing_is_measured_unless_asked() -> None:
    assert (CostsConfig().latency, CostsConfig().latency_csv) == ("", "")


def test_an_unknown_runtime_is_answered_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown costs.latency 'onnxruntime'; did you mean onnxruntime-cpu"):
        CostsConfig(latency="onnxruntime")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"latency": "pytorch-eager", "latency_csv": "a.csv"},
            "costs.latency and costs.latency_csv exclude each other",
        ),
        ({"batch_size": 0}, "costs.batch_size must be at least 1, not 0"),
        ({"image_size": -1}, "costs.image_size must be at least 0, not -1"),
        ({"num_rounds": 0}, "costs.num_rounds must be at least 1, not 0"),
        ({"num_networks": -2}, "costs.num_networks must be at least 0, not -2"),
    ],
)
def test_settings_out_of_range_are_told(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CostsConfig(**settings)
