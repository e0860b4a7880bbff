"""Settings of a transfer: contradictions are refused."""

from typing import Any

import pytest

from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.transfer.config import TransferConfig


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scales": (2.0, 0.5)}, "scales must be the smallest and the largest scale"),
        ({"scales": (1.0,)}, "scales must be the smallest and the largest scale"),
        ({"fit": FitConfig(mixup=0.2)}, "fit.mixup is for classifiers, not for segmentation; set it to 0"),
        (
            {"task": "detection", "fit": FitConfig(label_smoothing=0.1)},
            "fit.label_smoothing is for classifiers, not for detection",
        ),
        ({"split": "val"}, "split and evaluation_split are both 'val'; figures need images not trained on"),
        ({"image_size": 8}, "image_size must be at least 32"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        TransferConfig(**settings)


def test_an_unknown_head_names_the_known_ones() -> None:
    with pytest.raises(UnknownNameError, match="unknown head 'deeplab'; did you mean deeplabv3plus"):
        TransferConfig(head="deeplab")
    assert TransferConfig(fit=FitConfig(label_smoothing=0.1)).fit.label_smoothing == 0.1
