"""DistillConfig: every mistake is one sentence."""

import math

import pytest

from helixnas.distill import DistillConfig, ProjectorConfig
from helixnas.errors import ConfigError
from helixnas.settings import build


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_epochs": 0}, "distill.num_epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "distill.batch_size must be at least 1, not 0"),
        ({"lr": 0.0}, "distill.lr must be above 0, not 0.0"),
        ({"lr": math.inf}, "distill.lr must be a finite number above 0, not inf"),
        ({"first_block_lr": -1.0}, "distill.first_block_lr must be above 0, not -1.0"),
        ({"stop_at": 0.0}, "distill.stop_at must be above 0 and at most 1, not 0.0"),
        ({"lr_decay": math.nan}, "distill.lr_decay must be a finite number above 0, not nan"),
        ({"weight_decay": -0.1}, "distill.weight_decay must be at least 0, not -0.1"),
        ({"num_kept": 0}, "distill.num_kept must be at least 1, not 0"),
        (
            {"objective": "self-supervised", "batch_size": 127},
            "distill.batch_size=127 is too small for distill.objective=self-supervised, whose loss estimates the covariance "
            ".* choose at least 128 \\(accumulating the gradients of smaller batches would not help",
        ),
        (
            {"objective": "self-supervised", "strategy": "progressive-a"},
            "distill.strategy=progressive-a learns from the features of a fixed teacher",
        ),
        (
            {"objective": "self-supervised", "features": "standardized"},
            "distill.features=standardized needs a fixed teacher",
        ),
        (
            {"strategy": "progressive-b", "num_moments": 2},
            "distill.num_moments=2 needs distill.strategy=concurrent and",
        ),
        (
            {"objective": "self-supervised", "num_moments": 3},
            "distill.num_moments=3 needs distill.strategy=concurrent and distill.objective=features; rate others at their end",
        ),
        ({"num_moments": 0}, "distill.num_moments must be at least 1"),
        ({"strategy": "progressive-b", "stop_at": 0.5}, "distill.stop_at=0.5 needs distill.strategy=concurrent: prog"),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, float | str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        DistillConfig(**settings)  # type: ignore[arg-type]


def test_the_smallest_batch_of_the_self_supervised_loss_is_accepted() -> None:
    assert DistillConfig(objective="self-supervised", batch_size=128).is_self_supervised


def test_a_projector_needs_an_embedding() -> None:
    with pytest.raises(ConfigError, match="distill.projector.widths is empty"):
        ProjectorConfig(widths=())


@pytest.mark.parametrize(
    ("setting", "name", "nearest"),
    [
        ("strategy", "progressive-c", "concurrent, progressive-a, progressive-b"),
        ("features", "standard", "raw, standardized"),
        ("objective", "self_supervised", "features, self-supervised"),
        ("lr_schedule", "cosines", "decay, cosine"),
    ],
)
def test_an_unknown_choice_is_answered_with_the_choices(setting: str, name: str, nearest: str) -> None:
    with pytest.raises(ConfigError, match=f"distill.{setting} must be one of {nearest}, not '{name}'"):
        build(DistillConfig, {setting: name}, where="my.yaml", prefix="distill")


def test_each_moment_is_after_half_the_steps_of_the_next_and_never_before_the_first() -> None:
    assert DistillConfig().moment_steps(100) == {}
    assert DistillConfig(num_moments=4).moment_steps(750) == {1: 375, 2: 188, 3: 94}
    assert DistillConfig(num_moments=3).moment_steps(1) == {1: 1, 2: 1}
