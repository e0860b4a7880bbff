"""The three methods put together: their turns, their scores, their calibration images, and an untrained DARTS."""

import math

import pytest
import torch

from helixnas.lab.baselines.methods import TITLES


@pytest.mark.parametrize(("method", "passes"), [("spos", 1), ("fairnas", 2)])
def test_one_turn_trains_the_shared_weights_on_the_drawn_networks(make_job, method: str, passes: int) -> None:
    job = make_job(method, momentum=0.5, weight_decay=0.25, clip_grad=2.0)
    (turn,) = job.training.turns
    assert job.training.title == TITLES[method]
    assert len(turn.passes(0)) == passes
    (group,) = turn.optimizer.param_groups
    assert (group["lr"], group["momentum"], group["weight_decay"], turn.clip_grad) == (0.05, 0.5, 0.25, 2.0)
    assert len(group["params"]) == len(list(job.training.module.parameters()))


def test_darts_takes_a_turn_for_its_choices_and_one_for_the_weights(make_job) -> None:
    job = make_job("darts", alpha_lr=0.125, alpha_weight_decay=0.5)
    choices, weights = job.training.turns
    (group,) = choices.optimizer.param_groups
    assert (group["lr"], group["weight_decay"], group["betas"]) == (0.125, 0.5, (0.5, 0.999))
    assert isinstance(weights.optimizer, torch.optim.SGD)
    assert (choices.decays, weights.decays) == (False, True)
    assert choices.passes(0)[0](torch.rand(2, 3, 8, 8)).shape == (2, 3)


def test_an_untrained_darts_ranks_all_networks_nearly_alike(make_job, networks) -> None:
    job = make_job("darts")
    scores = [job.rate(each)["log_probability"] for each in networks]
    assert scores == pytest.approx([-math.log(36)] * 36, abs=0.02)


def test_shared_weights_are_rated_after_calibration_on_balanced_images_without_augmentation(make_job, images) -> None:
    job = make_job("spos", num_calibration=12)
    calibration = job.rate.keywords["calibration"]
    assert calibration.shape == (12, 3, 8, 8)
    every = next(images.batches(batch_size=24, seed=0, augment=False, shuffle=False))
    rows = [next(i for i, each in enumerate(every.images) if torch.equal(each - 0.5, own)) for own in calibration]
    assert [every.labels[rows].tolist().count(label) for label in range(3)] == [4, 4, 4]


def test_at_most_all_images_calibrate(make_job) -> None:
    assert len(make_job("spos", num_calibration=256).rate.keywords["calibration"]) == 24
