"""Training of networks of a space: all alike but for the architecture and the seed."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine import FitConfig
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.network_training import NetworkTrainer, counted
from helixnas.retrain import RetrainConfig
from helixnas.teacher import normalization_of


@pytest.fixture
def trainer(tiny: Recipe, tmp_path: Path) -> NetworkTrainer:
    return NetworkTrainer(Context(tiny, RunFolder(tmp_path / "run"), Reporter()), tiny.retraining)


def test_the_steps_are_whole_batches_times_epochs(trainer: NetworkTrainer) -> None:
    fit = trainer.config.fit
    assert trainer.num_steps == fit.num_epochs * (len(trainer.images) // fit.batch_size)
    assert (
        trainer.begin(trainer.context.space.parse("8:mb3_k3 12:mb6_k3"), seed=0, title="a").num_steps
        == trainer.num_steps
    )


def test_the_seed_decides_the_initial_weights_and_images_are_normalised_as_the_teachers(
    trainer: NetworkTrainer, tiny: Recipe
) -> None:
    architecture = trainer.context.space.parse("8:mb3_k3 12:mb6_k3")
    first, same, other = (trainer.begin(architecture, seed=seed, title="a network") for seed in (0, 0, 1))
    weights = [torch.cat([each.flatten() for each in job.model.parameters()]) for job in (first, same, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    mean, std = normalization_of(tiny.built_teacher)
    images = torch.rand(2, 3, 8, 8)
    expected = (images - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    assert torch.allclose(first.normalize(images), expected)


def test_inherited_weights_are_the_supernet_s_and_the_classifier_is_new(undistilled: Context) -> None:
    architecture = undistilled.space.sample(np.random.default_rng(0))
    config = RetrainConfig(fit=FitConfig(batch_size=6))
    trainers = [
        NetworkTrainer(undistilled, replace(config, init=init)) for init in ("scratch", "inherited", "inherited")
    ]
    states = [trainer.begin(architecture, seed=0, title="a network").model.state_dict() for trainer in trainers]
    scratch, taken, again = states
    assert all(torch.equal(taken[name], again[name]) for name in taken)
    kept = {name.partition(".")[0] for name in scratch if torch.equal(scratch[name], taken[name])}
    changed = {name.partition(".")[0] for name in scratch if not torch.equal(scratch[name], taken[name])}
    assert "classifier" in kept - changed
    assert "blocks" in changed


def test_images_are_augmented_as_the_settings_say(trainer: NetworkTrainer) -> None:
    plain = NetworkTrainer(trainer.context, RetrainConfig())
    varied = NetworkTrainer(trainer.context, RetrainConfig(augmentation="flip-crop"))
    assert (plain.images.store.augmentation, varied.images.store.augmentation) == ("shift", "flip-crop")


def test_a_training_of_any_classifier_is_finished_and_tells_its_steps(trainer: NetworkTrainer, tmp_path: Path) -> None:
    told: list[str] = []
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 8 * 8, 10))
    job = trainer.start(model, seed=0, title="a line")
    shown = counted(lambda done, note="", *, total=None: told.append(f"{done} {note}"), 2, 5, trainer.num_steps)
    trainer.finish(job, checkpoint=tmp_path / "state.pt", key="a", advance=shown)
    assert job.step == trainer.num_steps
    assert told[0].startswith(f"{2 * trainer.num_steps + 1} training 3 of 5, epoch 1/1, loss ")
    assert len(told) == trainer.num_steps
