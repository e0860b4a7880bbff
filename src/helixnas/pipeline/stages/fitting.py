"""Training a classifier in a run: resumable, with its loss by step and its accuracy by epoch."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import nn

from helixnas.data import ImageSet
from helixnas.engine import Evaluation, Fit, FitConfig, FitRecord, Objective, Stopwatch, evaluate
from helixnas.nn import count_params
from helixnas.engine.job import drive, save_state
from helixnas.engine.history import History
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Session
from helixnas.teacher import Teacher

NUM_WATCHED = 1000
"""Held-out images, at most, on which a network is looked at after every epoch."""


class Curves:
    """What a training leaves: losses by step, accuracies by epoch; kept in checkpoints.

    Args:
        watched: images that the accuracies are of; none are noted where there are no such images.
    """

    def __init__(self, watched: ImageSet | None = None) -> None:
        self.losses = History()
        self.accuracies: list[float] = []
        self.watched = watched

    def state(self) -> dict[str, Any]:
        """Return everything noted so far."""
        return {**self.losses.state(), "accuracies": list(self.accuracies)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.losses.restore(state)
        self.accuracies = list(state.get("accuracies", ()))


def watched_images(session: Session) -> ImageSet | None:
    """Return some of the rating images, which no training has seen; None where they have no labels."""
    images = session.data.rating
    return None if images.labels is None else images.subset(min(NUM_WATCHED, len(images)))


def fit_classifier(
    session: Session,
    model: nn.Module,
    teacher: Teacher,
    *,
    config: FitConfig,
    stage: str,
    key: str,
    curves: Curves,
    title: str,
    images: ImageSet | None = None,
    objective: Objective | None = None,
    keep: bool = False,
) -> Fit:
    """Train a classifier on the training images, normalised as the teacher's are, and return the finished training.

    Args:
        session: the run.
        model: trained in place.
        teacher: whose normalisation is used.
        config: how to train.
        stage: names the checkpoint and the scalars.
        key: hash of the settings; a checkpoint of another is ignored.
        curves: noted into.
        title: what is done, beside the progress bar.
        images: the training images; the run's where none are given.
        objective: what is minimised; the cross-entropy where none is given.
        keep: whether the state at the end stays as a checkpoint, for a stage that goes on after it.
    """
    job = Fit(
        model,
        session.data.train if images is None else images,
        config=config,
        runtime=session.runtime,
        normalize=teacher.normalize,
        seed=session.recipe.seed,
        title="the teacher" if stage == "teacher" else "the searched network",
        objective=objective,
    )
    checkpoint = session.folder.checkpoint(stage)
    run_fit(
        job,
        reporter=session.reporter,
        checkpoint=checkpoint,
        key=key,
        curves=curves,
        stage=stage,
        title=title,
        watch=session.watch,
    )
    if keep:
        save_state(job, checkpoint=checkpoint, key=key, history=curves.state(), watch=session.watch)
    return job


def run_fit(
    job: Fit,
    *,
    reporter: Reporter,
    checkpoint: Path,
    key: str,
    curves: Curves,
    stage: str,
    title: str,
    watch: Stopwatch | None = None,
) -> None:
    """Run a training to its end, from its checkpoint where there is one; see `fit_classifier` for arguments."""
    with reporter.progress(title, job.num_steps) as advance:

        def log(record: FitRecord) -> None:
            curves.losses.add(record.step, {"loss": record.loss})
            reporter.scalars({f"{stage}/loss": record.loss, f"{stage}/lr": record.lr}, record.step)
            advance(record.step, f"epoch {record.epoch + 1}/{job.config.num_epochs}, loss {record.loss:.3f}")
            if curves.watched is not None and record.step % job.steps_per_epoch == 0:
                curves.accuracies.append(_evaluate(job, job.model, curves.watched).accuracy)
                reporter.scalars({f"{stage}/accuracy": curves.accuracies[-1]}, record.step)

        drive(
            job,
            checkpoint=checkpoint,
            key=key,
            device=job.runtime.device,
            log=log,
            history=curves.state,
            resume=curves.restore,
            watch=watch,
        )


def final_figures(job: Fit, images: ImageSet | None) -> tuple[nn.Module, dict[str, Any]]:
    """Return the model that a training ends in, and its figures; the average of the weights where there is one.

    Beside an average the raw weights are evaluated too.

    Args:
        job: a finished training.
        images: for the final accuracy; None leaves accuracies out.
    """
    model = job.model if job.average is None else job.average.module
    found: dict[str, Any] = {"params": count_params(model)}
    if images is not None:
        found |= asdict(_evaluate(job, model, images))
        if job.average is not None:
            raw = _evaluate(job, job.model, images)
            found |= {"raw_accuracy": raw.accuracy, "raw_loss": raw.loss}
    return model, {**found, "epochs": job.config.num_epochs}


def _evaluate(job: Fit, model: nn.Module, images: ImageSet) -> Evaluation:
    size = min(job.config.microbatch_size or job.config.batch_size, len(images))
    return evaluate(model, images, batch_size=size, runtime=job.runtime, normalize=job.normalize)
