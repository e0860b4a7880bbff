"""The loop of turns: learning, weights outside the path, the halves of DARTS, a loss that is not finite."""

import numpy as np
import pytest
import torch

from helixnas.errors import ConfigError, NonFiniteLossError
from helixnas.lab.baselines.training import cosine


@pytest.mark.slow
@pytest.mark.parametrize(("method", "epochs"), [("spos", 30), ("fairnas", 12), ("darts", 12)])
def test_the_loss_falls(make_job, method: str, epochs: int) -> None:
    losses = [record.loss for record in make_job(method, num_epochs=epochs, lr=0.1).training]
    assert len(losses) == epochs * (2 if method == "darts" else 4)
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:8])


def test_weights_outside_the_sampled_path_stay_as_they_are(make_job) -> None:
    job = make_job("spos", weight_decay=0.5)
    before = {name: value.clone() for name, value in job.training.module.state_dict().items()}
    next(iter(job.training))
    moved = {name for name, value in job.training.module.state_dict().items() if not torch.equal(value, before[name])}
    (drawn,) = job.training.turns[0].passes(0)
    path = drawn.architecture.paths[0]
    other = {4: "cells.1", 6: "cells.0"}[path.width]
    assert any(name.startswith("blocks.0") for name in moved)
    assert not any(name.startswith(f"blocks.0.{other}") for name in moved)


def test_fair_gradients_are_the_sum_over_the_paths_of_a_step(make_job) -> None:
    job = make_job("fairnas", clip_grad=0.0, momentum=0.0, weight_decay=0.0)
    module, turn = job.training.module, job.training.turns[0]
    weight = module.stem[0][0].conv.weight
    first = weight.detach().clone()
    batch = next(turn.images.batches(batch_size=6, seed=0, epoch=0, augment=True, shuffle=True, skip=0, drop_last=True))
    images = job.training.normalize(batch.images)
    expected = torch.zeros_like(weight)
    for forward in turn.passes(0):
        loss = torch.nn.functional.cross_entropy(forward(images), batch.labels)
        expected += torch.autograd.grad(loss, weight)[0]
    next(iter(job.training))
    torch.testing.assert_close(first - weight.detach(), 0.05 * expected, atol=1e-6, rtol=1e-3)


def test_the_two_turns_of_darts_share_no_image_and_no_parameter(make_job) -> None:
    alphas, weights = make_job("darts").training.turns
    assert not {*alphas.images.rows.tolist()} & {*weights.images.rows.tolist()}
    assert len(alphas.images) + len(weights.images) == 24
    own, others = ({id(p) for g in turn.optimizer.param_groups for p in g["params"]} for turn in (alphas, weights))
    assert own
    assert not own & others


def test_the_rate_of_weights_decays_and_that_of_architecture_parameters_does_not(make_job) -> None:
    training = make_job("darts", num_epochs=2).training
    for _ in training:
        pass
    alphas, weights = (turn.optimizer.param_groups[0]["lr"] for turn in training.turns)
    assert alphas == 3e-4
    assert weights == pytest.approx(0.05 * cosine(3, 4))


def test_a_loss_that_is_not_finite_is_one_sentence(make_job) -> None:
    training = make_job("spos").training
    steps = iter(training)
    next(steps)
    training.module.stem[0][0].conv.weight.data.fill_(float("nan"))
    with pytest.raises(NonFiniteLossError, match=r"loss of the shared weights \(SPOS\) is nan in step 2; try a lower"):
        next(steps)


def test_a_batch_of_more_images_than_there_are_is_refused(make_job) -> None:
    with pytest.raises(ConfigError, match=r"DARTS\) is 16, but there are only 12 training images; choose at most 12"):
        make_job("darts", batch_size=16)
