import math
from dataclasses import replace
from typing import Any

import pytest

from helixnas.engine import FitConfig, RuntimeConfig
from helixnas.errors import ConfigError
from helixnas.settings import build


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_epochs": 0}, "num_epochs must be at least 1, not 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, not 0"),
        ({"lr": 0.0}, "lr must be above 0, not 0.0"),
        ({"lr": math.inf}, "fit.lr must be a finite number above 0, not inf"),
        ({"label_smoothing": 1.0}, "label_smoothing must be at least 0 and below 1, not 1.0"),
        ({"decay_rate": 0.0}, "fit.decay_rate must be above 0 and at most 1, not 0.0"),
        ({"decay_epochs": 0.0}, "fit.decay_epochs must be above 0, not 0.0"),
        ({"weight_decay": -1.0}, "weight_decay must be at least 0, not -1.0"),
        ({"warmup_epochs": -1.0}, "warmup_epochs must be at least 0, not -1.0"),
        ({"clip_grad": -1.0}, "clip_grad must be at least 0, not -1.0"),
        ({"mixup": math.nan}, "fit.mixup must be a finite number at least 0, not nan"),
        ({"ema_decay": 1.0}, "ema_decay must be at least 0 and below 1, not 1.0"),
        ({"batch_size": 4096, "microbatch_size": 100}, "must divide batch_size .4,096. or be 0, not 100; 64 would do"),
        ({"batch_size": 4, "microbatch_size": 8}, "must divide batch_size .4. or be 0, not 8; 4 would do"),
        ({"microbatch_size": -2}, "fit.microbatch_size must be at least 0, not -2"),
        ({"batch_size": 63, "mixup": 0.2}, "pair the images of a batch, so batch_size must be even, not 63"),
        (
            {"batch_size": 6, "microbatch_size": 3, "cutmix": 1.0},
            "pair the images of a batch, so microbatch_size must be even, not 3",
        ),
    ],
)
def test_values_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        FitConfig(**settings)


def test_parts_of_a_batch_are_counted() -> None:
    assert FitConfig().num_parts == 1
    assert FitConfig(batch_size=4096, microbatch_size=64).num_parts == 64


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"precision": "fp8"}, "runtime.precision must be one of auto, fp32, bf16, fp16, not 'fp8'"),
        ({"num_threads": -1}, "runtime.num_threads must be at least 0, not -1"),
    ],
)
def test_a_runtime_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        build(RuntimeConfig, settings, where="my.yaml", prefix="runtime")


def test_the_schedule_of_a_short_training_is_shortened_alike() -> None:
    fit = FitConfig(num_epochs=30, warmup_epochs=3.0, schedule="step", decay_epochs=6.0)
    assert fit.shortened(10) == replace(fit, num_epochs=10, warmup_epochs=1.0, decay_epochs=2.0)
