"""A teacher's output in the loss: closed forms, and what is refused."""

import math

import pytest
import torch
from torch import Tensor

from helixnas.errors import ConfigError
from helixnas.retrain import objective_of
from helixnas.retrain.teaching import hard_loss, soft_loss

TAUGHT = torch.tensor([[math.log(4.0), 0.0], [0.0, math.log(4.0)]])
LOGITS = torch.zeros(2, 2)


def test_the_soft_loss_is_the_divergence_in_nats() -> None:
    expected = 0.8 * math.log(0.8 / 0.5) + 0.2 * math.log(0.2 / 0.5)
    assert soft_loss(LOGITS, TAUGHT, 1.0).item() == pytest.approx(expected, rel=1e-6)


def test_the_temperature_divides_logits_and_its_square_keeps_the_scale() -> None:
    expected = 4 * (2 / 3 * math.log(2 / 3 / 0.5) + 1 / 3 * math.log(1 / 3 / 0.5))
    assert soft_loss(LOGITS, TAUGHT, 2.0).item() == pytest.approx(expected, rel=1e-6)


def test_the_hard_loss_is_the_cross_entropy_of_the_class_that_the_teacher_chooses() -> None:
    logits = torch.tensor([[math.log(3.0), 0.0], [math.log(3.0), 0.0]])
    assert hard_loss(logits, TAUGHT).item() == pytest.approx(-(math.log(0.75) + math.log(0.25)) / 2, rel=1e-6)


@pytest.mark.parametrize("kind", ["soft", "hard"])
def test_the_objective_shares_between_labels_and_teacher_and_the_teacher_gets_no_gradient(kind: str) -> None:
    weight = torch.ones(1, requires_grad=True)

    def teacher(images: Tensor) -> Tensor:
        return TAUGHT * images.mean() * weight

    objective = objective_of(teacher, kind=kind, share=0.25, temperature=1.0, num_classes=(2, 2))
    assert objective is not None
    logits = LOGITS.clone().requires_grad_()
    loss = objective(logits, torch.tensor(8.0), torch.ones(2, 3, 4, 4))
    taught = soft_loss(LOGITS, TAUGHT, 1.0) if kind == "soft" else hard_loss(LOGITS, TAUGHT)
    assert loss.item() == pytest.approx(0.75 * 8.0 + 0.25 * taught.item())
    loss.backward()
    assert weight.grad is None
    assert logits.grad is not None


def test_without_teaching_there_is_no_objective() -> None:
    assert objective_of(lambda x: x, kind="none", share=0.5, temperature=1.0, num_classes=(1000, 10)) is None


def test_a_teacher_of_other_classes_is_refused_with_both_numbers() -> None:
    with pytest.raises(
        ConfigError, match="the teacher predicts 1,000 classes and the network 10, so retrain.teach must be none"
    ):
        objective_of(lambda x: x, kind="soft", share=0.5, temperature=1.0, num_classes=(1000, 10))
