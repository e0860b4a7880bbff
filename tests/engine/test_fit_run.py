"""A training ends as if never interrupted, with its losses by step and accuracies by epoch, and says what it reached."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from helixnas.engine import Fit, FitConfig, Runtime, evaluate
from helixnas.engine.fit_run import Curves, final_answers, final_figures, run_fit
from helixnas.engine.progress import Reporter
from helixnas.errors import Interrupted

Stopped = Callable[[int], AbstractContextManager[None]]


class Scalars(Reporter):
    """Keeps the scalars."""

    def __init__(self) -> None:
        self.logged: list[tuple[int, str, float]] = []

    def scalars(self, values: Any, step: int) -> None:
        """Keep the values."""
        self.logged += [(step, name, value) for name, value in values.items()]


@pytest.fixture
def training(make_images, runtime: Runtime) -> Callable[..., Fit]:
    """Return a function that sets up the training of a linear classifier: 3 steps in each of 2 epochs."""

    def of(**settings: Any) -> Fit:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(12, 3))
        config = FitConfig(num_epochs=2, batch_size=4, warmup_epochs=0.0, lr=0.1, **settings)
        images = make_images(12)
        return Fit(model, images, config=config, runtime=runtime, normalize=lambda x: x, seed=1, title="the network")

    return of


def run(job: Fit, curves: Curves, checkpoint: Path, reporter: Reporter) -> None:
    run_fit(job, reporter=reporter, checkpoint=checkpoint, key="a", curves=curves, stage="fit", title="training")


def test_losses_are_kept_by_step_and_accuracies_by_epoch(training, make_images, tmp_path: Path) -> None:
    job, curves, reporter = training(), Curves(make_images(9)), Scalars()
    run(job, curves, tmp_path / "fit.pt", reporter)
    table = curves.losses.frame()
    assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
    logged = [value for _, name, value in reporter.logged if name == "fit/loss"]
    assert table["value"].tolist() == logged
    epochs = [(step, value) for step, name, value in reporter.logged if name == "fit/accuracy"]
    assert [step for step, _ in epochs] == [3, 6]
    assert [value for _, value in epochs] == curves.accuracies
    reached = evaluate(job.model, make_images(9), batch_size=4, runtime=job.runtime, normalize=job.normalize)
    assert curves.accuracies[-1] == reached.accuracy


def test_a_training_that_was_stopped_ends_as_one_that_was_not(
    training, make_images, tmp_path: Path, stopped_after: Stopped
) -> None:
    whole, curves = training(), Curves(make_images(9))
    run(whole, curves, tmp_path / "whole.pt", Reporter())
    with pytest.raises(Interrupted), stopped_after(3):
        run(training(), Curves(make_images(9)), tmp_path / "fit.pt", Reporter())
    resumed, rest = training(), Curves(make_images(9))
    run(resumed, rest, tmp_path / "fit.pt", Reporter())
    assert torch.equal(resumed.model[1].weight, whole.model[1].weight)
    assert rest.accuracies == curves.accuracies
    assert rest.losses.steps == curves.losses.steps
    assert rest.losses.frame()["value"].tolist() == pytest.approx(curves.losses.frame()["value"].tolist(), rel=1e-6)


def test_without_watched_images_no_accuracy_is_kept(training, tmp_path: Path) -> None:
    curves = Curves()
    run(training(), curves, tmp_path / "fit.pt", Reporter())
    assert curves.accuracies == []
    assert curves.losses.steps == [1, 2, 3, 4, 5, 6]


def test_final_figures_are_those_of_the_average_beside_the_raw_weights(training, make_images, tmp_path: Path) -> None:
    job, images = training(ema_decay=0.5), make_images(9)
    run(job, Curves(), tmp_path / "fit.pt", Reporter())
    model, figures = final_figures(job, images)
    averaged, raw = (
        evaluate(each, images, batch_size=4, runtime=job.runtime, normalize=job.normalize)
        for each in (job.average.module, job.model)
    )
    assert model is job.average.module
    assert figures == {
        "params": 39,
        "accuracy": averaged.accuracy,
        "loss": averaged.loss,
        "num_images": 9,
        "top5": averaged.top5,
        "raw_accuracy": raw.accuracy,
        "raw_loss": raw.loss,
        "epochs": 2,
    }


def test_final_figures_without_images_have_no_accuracy(training) -> None:
    job = training()
    model, figures = final_figures(job, None)
    assert model is job.model
    assert figures == {"params": 39, "epochs": 2}


def test_the_answers_by_image_are_those_of_the_average(training: Callable[..., Fit], make_images: Any) -> None:
    job, images = training(ema_decay=0.9), make_images(9)
    for _ in job:
        pass
    assert final_answers(job, images).mean() == pytest.approx(final_figures(job, images)[1]["accuracy"])
    assert job.average is not None
    torch.nn.init.zeros_(job.average.module[1].weight)
    torch.nn.init.zeros_(job.average.module[1].bias)  # now it answers the first class
    assert final_answers(job, images).tolist() == (images.labels == 0).tolist()
