"""A dry run counts without data and without computing."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helixnas.engine.config import FitConfig
from helixnas.errors import ConfigError
from helixnas.models.opening import OpenedModel
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.dry_run import plan_transfer


def test_steps_and_sizes_of_a_published_data_set_need_no_data(opened: Callable[[], OpenedModel]) -> None:
    fit = FitConfig(num_epochs=3, batch_size=4, microbatch_size=2, optimizer="sgd")
    config = TransferConfig(image_size=64, num_images=10, num_classes=5, paper="40 %", fit=fit)
    plan = plan_transfer(opened(), None, config)
    assert (plan.steps_per_epoch, plan.steps, plan.num_classes, plan.paper) == (2, 6, 5, "40 %")
    assert plan.images == "10 of the published data set"
    assert plan.trained_params == plan.params > 100_000
    assert plan.memory > 12 * plan.params


def test_frozen_parameters_of_a_detector_are_counted(objects: Path, opened: Callable[[], OpenedModel]) -> None:
    config = TransferConfig(task="detection", image_size=64, fit=FitConfig(batch_size=2))
    plan = plan_transfer(opened(), objects, config)
    assert plan.images == "6 of squares (VOC, train)"
    assert 0 < plan.params - plan.trained_params < plan.params


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "the recipe names no published data set"),
        ({"num_images": 4, "num_classes": 2}, "fit.batch_size is 128, but there are only 4 images to train on"),
    ],
)
def test_a_plan_without_images_is_refused(
    opened: Callable[[], OpenedModel], settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        plan_transfer(opened(), None, TransferConfig(**settings))
