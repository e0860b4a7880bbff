import math
from typing import Any

import pytest

from helixnas.engine import FitConfig
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.retrain import FinetuneConfig, InheritConfig, RetrainConfig


def test_defaults_are_those_of_the_training_loop_without_dropout() -> None:
    config = RetrainConfig()
    assert (config.fit, config.drop_rate, config.drop_path_rate) == (FitConfig(), 0.0, 0.0)


@pytest.mark.parametrize("name", ["drop_rate", "drop_path_rate"])
@pytest.mark.parametrize("value", [-0.1, 1.0, float("nan")])
def test_rates_outside_their_range_are_refused(name: str, value: float) -> None:
    limits = "a finite number at least 0" if math.isnan(value) else "at least 0"
    with pytest.raises(ConfigError, match=rf"retrain.{name} must be {limits} and below 1, not {value}"):
        RetrainConfig(**{name: value})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"teach_share": 0.0}, "retrain.teach_share must be above 0 and at most 1, not 0.0"),
        ({"temperature": 0.0}, "retrain.temperature must be above 0, not 0.0"),
    ],
)
def test_teaching_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RetrainConfig(**settings)


def test_an_augmentation_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown retrain.augmentation 'rand-augmet'; did you mean rand-augment"):
        RetrainConfig(augmentation="rand-augmet")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"num_images": 1}, "retrain.inherit.num_images must be at least 2, not 1"),
        ({"head_epochs": 0}, "retrain.inherit.head_epochs must be at least 1, not 0"),
        ({"share_of_epochs": 0.0}, "retrain.inherit.share_of_epochs must be above 0, not 0.0"),
        ({"share_of_lr": float("inf")}, "retrain.inherit.share_of_lr must be a finite number above 0, not inf"),
    ],
)
def test_fine_tuning_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        InheritConfig(**settings)


def test_fine_tuning_takes_a_share_of_epochs_warm_up_decay_and_rate_and_all_else_as_from_scratch() -> None:
    fit = FitConfig(num_epochs=40, warmup_epochs=4.0, decay_epochs=2.0, lr=0.8, optimizer="sgd", microbatch_size=32)
    tuning = InheritConfig(share_of_epochs=0.25, share_of_lr=0.5).tuning(fit)
    assert tuning == FitConfig(
        num_epochs=10, warmup_epochs=1.0, decay_epochs=0.5, lr=0.4, optimizer="sgd", microbatch_size=32
    )
    assert InheritConfig().tuning(FitConfig(num_epochs=1)).num_epochs == 1


def test_the_head_is_fitted_in_the_batches_of_the_training() -> None:
    fit = FitConfig(batch_size=4096, microbatch_size=64, optimizer="rmsproptf", lr=0.256, label_smoothing=0.1)
    head = InheritConfig(head_epochs=3).head_fit(fit)
    assert (head.batch_size, head.microbatch_size, head.label_smoothing) == (4096, 64, 0.1)
    assert (head.num_epochs, head.optimizer, head.lr) == (3, "adamw", 0.002)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_size": 5000}, "image_size must be at least 0 and at most 4096, not 5000"),
        ({"augmentation": "flip"}, r"unknown augmentation 'flip'; did you mean flip-crop\?"),
    ],
)
def test_fine_tuning_a_model_out_of_range_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=message):
        FinetuneConfig(**settings)
