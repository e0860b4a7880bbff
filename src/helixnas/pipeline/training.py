"""Training a classifier in a run: resumable, with its loss by step and its accuracy by epoch."""

from typing import Any

from torch import nn

from helixnas.data import ImageSet
from helixnas.engine import Fit, FitConfig, FitRecord, Objective, evaluate, save_checkpoint
from helixnas.pipeline.drive import drive
from helixnas.pipeline.history import History
from helixnas.pipeline.session import Session
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
    with session.reporter.progress(title, job.num_steps) as advance:

        def log(record: FitRecord) -> None:
            curves.losses.add(record.step, {"loss": record.loss})
            session.reporter.scalars({f"{stage}/loss": record.loss, f"{stage}/lr": record.lr}, record.step)
            advance(record.step, f"epoch {record.epoch + 1}/{config.num_epochs}, loss {record.loss:.3f}")
            if curves.watched is not None and record.step % job.steps_per_epoch == 0:
                curves.accuracies.append(_accuracy(session, model, teacher, curves.watched, config))
                session.reporter.scalars({f"{stage}/accuracy": curves.accuracies[-1]}, record.step)

        drive(
            job,
            checkpoint=session.folder.checkpoint(stage),
            key=key,
            device=session.runtime.device,
            log=log,
            history=curves.state,
            resume=curves.restore,
        )
    if keep:
        save_checkpoint(session.folder.checkpoint(stage), {"key": key, "job": job.state(), "history": curves.state()})
    return job


def _accuracy(session: Session, model: nn.Module, teacher: Teacher, images: ImageSet, config: FitConfig) -> float:
    size = min(config.microbatch_size or config.batch_size, len(images))
    found = evaluate(model, images, batch_size=size, runtime=session.runtime, normalize=teacher.normalize)
    return found.accuracy
