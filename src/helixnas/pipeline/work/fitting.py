"""Training a classifier in a run, with its images, the teacher's normalisation and a checkpoint per stage."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from torch import nn

from helixnas.artifacts.run_folder import RunFolder
from helixnas.data import ImageSet
from helixnas.engine import Fit, FitConfig, Objective
from helixnas.engine.distributed.parallel import DataParallel, current, ordered
from helixnas.engine.fit_run import Curves, run_fit
from helixnas.engine.job import run_job, save_state
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Context
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.sharing import TRAINING, say_shared
from helixnas.teacher import Teacher

NUM_WATCHED = 1000
"""Largest number of held-out images that are evaluated after every epoch."""


def watched_images(context: Context) -> ImageSet | None:
    """Return some of the held-out rating images; None if they have no labels."""
    images = context.data.rating
    return None if images.labels is None else images.subset(min(NUM_WATCHED, len(images)))


class Ingredients(NamedTuple):
    """The parts of a training that are not settings."""

    model: nn.Module
    teacher: Teacher
    """Normalises the images."""

    images: ImageSet
    objective: Objective | None = None


Make = Callable[[Context, str], Ingredients]
"""(context, search name or "") -> the ingredients, in any process; a function of a module, so that its name can be sent."""


@dataclass(frozen=True, kw_only=True)
class FitOrder:
    """What the first of several processes asks the others to train with it."""

    recipe: Recipe
    folder: RunFolder
    search: str
    stage: str
    key: str
    config: FitConfig
    make: Make

    def take_part(self) -> None:
        """Train as one of several processes, from the first one's weights; the first saves the results.

        Raises `JobError` if another process has ended, `Interrupted` if one was asked to stop.
        """
        context = Context(self.recipe, self.folder, Reporter())
        job = _fit(context, self.make(context, self.search), self.config, self.stage, current())
        run_job(
            job,
            checkpoint=context.folder.checkpoint(self.stage),
            key=self.key,
            device=job.runtime.device,
            log=lambda record: None,
            parallel=job.parallel,
        )


def fit_classifier(
    context: Context,
    ingredients: Ingredients,
    *,
    config: FitConfig,
    stage: str,
    key: str,
    curves: Curves,
    title: str,
    search: str = "",
    make: Make | None = None,
    keep: bool = False,
) -> Fit:
    """Train a classifier in place, with the teacher's normalisation, and return the finished training.

    `stage` names the checkpoint and the scalars, `title` the progress bar; a checkpoint with another `key` is ignored. Where
    there are other processes, they take part if `make` can make the ingredients, with any weights, for the `search` of this
    stage. With `keep`, the final state stays as a checkpoint, for a stage that continues afterwards.
    """
    checkpoint, place = context.folder.checkpoint(stage), None if make is None else current()
    say_shared(context.reporter, place, TRAINING)
    order, recipe, folder = None, context.recipe, context.folder
    if make is not None:
        order = FitOrder(recipe=recipe, folder=folder, search=search, stage=stage, key=key, config=config, make=make)
    with ordered(order, place):
        job = _fit(context, ingredients, config, stage, place)
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


def _fit(context: Context, ingredients: Ingredients, config: FitConfig, stage: str, place: DataParallel | None) -> Fit:
    """Return a training at its first step; of several processes, each takes its part of every batch."""
    model, teacher, images, objective = ingredients
    if place is not None:
        place.send(model)
    return Fit(
        model,
        images,
        config=config,
        runtime=context.runtime,
        normalize=teacher.normalize,
        seed=context.recipe.seed,
        title="the teacher" if stage == "teacher" else "the searched network",
        objective=objective,
        parallel=place,
    )
