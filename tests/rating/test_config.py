"""RatingConfig and StitchingConfig: every mistake is one sentence."""

from typing import Any

import pytest

from helixnas.errors import ConfigError, HelixError
from helixnas.rating import RELATIVE_L1, RatingConfig, StitchingConfig
from helixnas.settings import build


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"batch_size": 1}, "rating.batch_size must be at least 2, not 1"),
        ({"readout_images": 1}, "rating.readout_images must be at least 2, not 1"),
        ({"scores": ("task",)}, r"unknown rating.scores 'task'; did you mean task_kl"),
        ({"scores": ()}, r"rating.scores must name at least one score, each once, not \[\]"),
        ({"scores": (RELATIVE_L1, RELATIVE_L1)}, r"rating.scores must name at least one score, each once, not \["),
    ],
)
def test_a_rating_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(HelixError, match=message):
        RatingConfig(**settings)


@pytest.mark.parametrize(("setting", "choices"), [("readout", "none, linear"), ("batch_norm", "batch, recalibrated")])
def test_an_unknown_choice_is_answered_with_the_choices(setting: str, choices: str) -> None:
    with pytest.raises(ConfigError, match=f"rating.{setting} must be one of {choices}, not 'x'"):
        build(RatingConfig, {setting: "x"}, where="my.yaml", prefix="rating")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_architectures": -1}, "stitching.num_architectures must be at least 0, not -1"),
        ({"num_images": 1}, "stitching.num_images must be at least 2, not 1"),
        ({"batch_size": 1}, "stitching.batch_size must be at least 2, not 1"),
    ],
)
def test_a_stitching_check_out_of_range_is_refused(settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        StitchingConfig(**settings)
