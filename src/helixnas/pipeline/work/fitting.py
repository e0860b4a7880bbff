"""Training a classifier in a run: the run's images, the teacher's normalisation, a checkpoint per stage."""

from torch import nn

from helixnas.data import ImageSet
from helixnas.engine import Fit, FitConfig, Objective
from helixnas.engine.fit_run import Curves, run_fit
from helixnas.engine.job import save_state
from helixnas.pipeline.context import Context
from helixnas.teacher import Teacher

NUM_WATCHED = 1000
"""Held-out images, at most, on which a network is looked at after every epoch."""


def watched_images(context: Context) -> ImageSet | None:
    """Return some of the rating images, which no training has seen; None where they have no labels."""
    images = context.data.rating
    return None if images.labels is None else images.subset(min(NUM_WATCHED, len(images)))


def fit_classifier(
    context: Context,
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
        context: the run.
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
        context.data.train if images is None else images,
        config=config,
        runtime=context.runtime,
        normalize=teacher.normalize,
        seed=context.recipe.seed,
        title="the teacher" if stage == "teacher" else "the searched network",
        objective=objective,
    )
    checkpoint = context.folder.checkpoint(stage)
    run_fit(
        job,
        reporter=context.reporter,
        checkpoint=checkpoint,
        key=key,
        curves=curves,
        stage=stage,
        title=title,
        watch=context.watch,
    )
    if keep:
        save_state(job, checkpoint=checkpoint, key=key, history=curves.state(), watch=context.watch)
    return job
