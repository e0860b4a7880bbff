"""Training a classifier in a run: with the run's images or others, and a checkpoint only where it is kept."""

from dataclasses import replace

import torch
from torch import nn

from helixnas.engine import FitConfig
from helixnas.engine.fit_run import Curves
from helixnas.pipeline.context import Context
from helixnas.pipeline.work.fitting import Ingredients, fit_classifier, watched_images


def test_a_classifier_is_trained_in_place_and_its_state_kept_on_request(undistilled: Context) -> None:
    model, curves = nn.Sequential(nn.Flatten(), nn.Linear(192, 3)), Curves(watched_images(undistilled))
    before = model[1].weight.clone()
    config = FitConfig(num_epochs=2, batch_size=4, lr=0.01)
    for keep in (False, True):
        job = fit_classifier(
            undistilled,
            Ingredients(model, undistilled.teacher, undistilled.data.train),
            config=config,
            stage=f"kept {keep}",
            key="key",
            curves=curves,
            title="training",
            keep=keep,
        )
        assert job.num_steps == 6
        assert undistilled.folder.checkpoint(f"kept {keep}").is_file() == keep
    assert not torch.equal(model[1].weight, before)
    assert len(curves.accuracies) == 4


def test_watched_images_are_labelled_rating_images(undistilled: Context) -> None:
    images = undistilled.data.rating
    watched = watched_images(undistilled)
    assert watched is not None
    assert len(watched) == len(images)
    undistilled.data.rating = replace(images, all_labels=None)
    assert watched_images(undistilled) is None
