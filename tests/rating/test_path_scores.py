import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

from helixnas.rating import FINAL_ERROR, FINAL_L1, LOG_KL, RELATIVE_L1, SCORES, TASK_KL, PathScores, relative_l1
from helixnas.rating.path_scores import kl_divergence, relative_error
from helixnas.teacher import Teacher

IMAGES = torch.rand(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
MakeScores = Callable[..., PathScores]


@pytest.fixture
def scores_of(teacher: Teacher) -> MakeScores:
    """Return a function that makes the scores of a block on the images above."""

    def make(block: int, names: tuple[str, ...] = SCORES) -> PathScores:
        features, logits = teacher.features_and_logits(IMAGES)
        return PathScores(names, teacher=teacher, images=IMAGES, features=features, logits=logits, block=block)

    return make


def other(features: Tensor) -> Tensor:
    return features + 0.3 * torch.randn(features.shape, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("block", [1, 2])
def test_scores_are_those_of_the_teacher_run_by_hand(teacher: Teacher, scores_of: MakeScores, block: int) -> None:
    features, logits = teacher.features_and_logits(IMAGES)
    prediction = other(features[block])
    last = prediction if block == 2 else teacher.model[1](prediction)  # pyright: ignore[reportIndexIssue]
    output = teacher.model[2:](last)  # pyright: ignore[reportIndexIssue]
    p = logits.softmax(1)
    divergence = (p * (p.log() - output.log_softmax(1))).sum(1).mean().item()
    expected = [
        relative_l1(prediction, features[block]).item(),
        divergence,
        math.log(divergence),
        math.log(((last - features[2]) ** 2).mean().item() / features[2].var(correction=0).item()),
        math.log(relative_l1(last, features[2]).item()),
    ]
    assert scores_of(block)(prediction).tolist() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("block", [1, 2])
def test_a_perfect_path_has_the_least_of_every_score(teacher: Teacher, scores_of: MakeScores, block: int) -> None:
    exact, rough = (
        scores_of(block)(y) for y in (teacher.features(IMAGES)[block], other(teacher.features(IMAGES)[block]))
    )
    assert exact.tolist() == pytest.approx([0.0, 0.0, *[math.log(1e-12)] * 3], abs=1e-6)
    assert (exact < rough).all()


def test_only_what_is_asked_for_is_scored_in_the_order_asked(teacher: Teacher, scores_of: MakeScores) -> None:
    prediction = other(teacher.features(IMAGES)[1])
    every = dict(zip(SCORES, scores_of(1)(prediction).tolist(), strict=True))
    for names in ((TASK_KL,), (FINAL_ERROR, RELATIVE_L1), (FINAL_L1,), (TASK_KL, RELATIVE_L1), (LOG_KL,)):
        assert scores_of(1, names)(prediction).tolist() == [every[name] for name in names]
    assert every[LOG_KL] == pytest.approx(np.log(every[TASK_KL]), rel=1e-5)


def test_equation_seven_alone_never_runs_the_rest_of_the_teacher(
    teacher: Teacher, scores_of: MakeScores, monkeypatch: pytest.MonkeyPatch
) -> None:
    score = scores_of(1, (RELATIVE_L1,))
    monkeypatch.setattr(Teacher, "continue_from", lambda *_: pytest.fail("the teacher ran"))
    assert score(other(teacher.features(IMAGES)[1])).shape == (1,)


def test_relative_error_is_unchanged_when_features_are_rescaled() -> None:
    target = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(2))
    prediction = other(target)
    assert relative_error(7 * prediction, 7 * target).item() == pytest.approx(
        relative_error(prediction, target).item(), rel=1e-5
    )
    mean = target.mean().expand_as(target)
    assert relative_error(mean, target).item() == pytest.approx(1.0, rel=1e-5)


def test_divergence_is_that_of_two_coins() -> None:
    expected, logits = torch.tensor([[0.75, 0.25]]).log(), torch.tensor([[0.5, 0.5]]).log()
    value = 0.75 * np.log(1.5) + 0.25 * np.log(0.5)
    assert kl_divergence(logits, expected).item() == pytest.approx(value, rel=1e-5)


def test_divergence_is_zero_for_equal_outputs_and_positive_else() -> None:
    logits = torch.randn(8, 5)
    assert kl_divergence(logits, logits).item() == 0
    assert kl_divergence(logits + 3, logits).item() == pytest.approx(0, abs=1e-6)  # the same probabilities
    assert kl_divergence(torch.randn(8, 5), logits).item() > 0


def test_divergence_is_a_mean_over_images() -> None:
    a, b = torch.randn(2, 6, 5)
    each = [kl_divergence(a[i : i + 1], b[i : i + 1]).item() for i in range(6)]
    assert kl_divergence(a, b).item() == pytest.approx(sum(each) / 6, rel=1e-5)
