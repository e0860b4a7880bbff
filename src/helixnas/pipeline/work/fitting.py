"""Training a classifier in a run, with its images, the teacher's normalisation and a checkpoint per stage."""

from torch import nn

from helixnas.data import ImageSet
from helixnas.engine import Fit, FitConfig, Objective
from helixnas.engine.fit_run import Curves, run_fit
from helixnas.engine.job import save_state
from helixnas.pipeline.context import Context
from helixnas.teacher import Teacher

NUM_WATCHED = 1000
"""Largest number of held-out images that are evaluated after every epoch."""


def watched_images(context: Context) -> ImageSet | None:
    """Return some of the held-out rating images; None if they have no labels."""
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
    """Train a classifier in place, with the teacher's normalisation, and return the finished training.

    `stage` names the checkpoint and the scalars, `title` the progress bar; a checkpoint with another `key` is ignored. With
    `keep`, the final state stays as a checkpoint, for a stage that continues afterwards.
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
