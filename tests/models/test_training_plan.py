"""What fine-tuning on the paper's data sets would take."""

from typing import Any

import pytest
import timm

from helixnas.engine import FitConfig
from helixnas.errors import ConfigError
from helixnas.models.opening import OpenedModel
from helixnas.models.training_plan import memory_of, plan_finetuning
from helixnas.retrain import FinetuneConfig

FIT = FitConfig(num_epochs=2, batch_size=1000, microbatch_size=100, optimizer="sgd")


def small() -> OpenedModel:
    return OpenedModel(model=timm.create_model("test_efficientnet").eval(), name="it", trained=True)


def test_cifar_needs_no_images_to_be_planned() -> None:
    plan = plan_finetuning(small(), "torch/cifar100", FinetuneConfig(fit=FIT, image_size=32))
    assert (plan.steps_per_epoch, plan.steps, plan.num_classes) == (50, 100, 100)
    assert plan.paper.startswith("DNA-c: 88.3 % on CIFAR-100")
    assert plan.images == "50,000 of torch/cifar100"
    assert plan.memory > 12 * plan.params


@pytest.mark.parametrize(
    ("settings", "bytes_"),
    [({"optimizer": "sgd"}, 4 * (10 + 6 * 2) + 8 * 7), ({"microbatch_size": 4}, 4 * (10 + 6 * 3) + 4 * 7)],
)
def test_memory_is_weights_gradients_states_and_activations(settings: dict[str, Any], bytes_: int) -> None:
    assert memory_of(10, 6, FitConfig(batch_size=8, **settings), 7) == bytes_


def test_other_data_sets_are_refused() -> None:
    with pytest.raises(ConfigError, match="knows the sizes of torch/cifar10 and torch/cifar100, not of 'photos'"):
        plan_finetuning(small(), "photos", FinetuneConfig(fit=FIT))
