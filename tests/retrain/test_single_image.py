"""One image of one pixel of features: refused on the meta device, with the setting named."""

import pytest
from torch import nn

from helixnas.errors import ConfigError
from helixnas.retrain import check_single_image, naming_single_value


def test_a_single_value_per_channel_is_refused_and_more_are_not() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 8, stride=8), nn.BatchNorm2d(4))
    check_single_image(model, 16, "fit.batch_size")
    with pytest.raises(ConfigError, match="single value per channel in a batch of one image .*; raise fit.batch_size"):
        check_single_image(model, 8, "fit.batch_size")
    assert next(model.parameters()).device.type == "cpu"


def test_other_errors_pass() -> None:
    with pytest.raises(ValueError, match="^odd$"), naming_single_value("fit.batch_size"):
        raise ValueError("odd")
