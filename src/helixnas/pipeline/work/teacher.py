"""Work of the teacher stage: load or train the teacher, measure it, save it (Sec. 3.3)."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from helixnas.engine import evaluate
from helixnas.engine.distributed.parallel import current
from helixnas.engine.fit_run import Curves
from helixnas.engine.history import load_history
from helixnas.pipeline.bridges import check_teacher, cut_texts
from helixnas.pipeline.context import Context, labelled_for
from helixnas.pipeline.plan import teacher_training_key
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.fitting import Ingredients, fit_classifier
from helixnas.pipeline.work.warning_signs import teacher_warnings, warned
from helixnas.teacher import (
    Standardization,
    Teacher,
    count_teacher,
    measure_feature_statistics,
    save_feature_statistics,
    save_teacher,
    trained_weights,
)
from helixnas.teacher.build import NAMED
from helixnas.teacher.weights import load_weights

BATCH_SIZE, NUM_BATCHES = 128, 8
"""Training images over which the teacher's features are standardised."""


def make_teacher(context: Context, key: str, search: str) -> Result:
    """Build the teacher, train it if it has no weights, measure and save it."""
    teacher = context.new_teacher()
    recipe, curves, folder = context.recipe, Curves(), context.folder
    cuts = _say_cuts(context, teacher)
    is_ready = bool(recipe.teacher.weights) or recipe.distill.is_self_supervised  # else it is trained from labels
    trained_as = "" if is_ready else teacher_training_key(recipe.to_dict())
    trained = (
        trained_weights(folder.teacher, trained_as) if trained_as and folder.history("teacher").is_file() else None
    )
    if trained is not None:
        context.reporter.say("teacher: trained before with the same settings")
        load_weights(teacher.model, trained, str(folder.teacher))
    elif trained_as:
        context.data.train.require_labels("training the teacher")
        fit_classifier(
            context,
            _ingredients(context, teacher),
            config=recipe.teacher_fit,
            stage="teacher",
            key=key,
            curves=curves,
            title="training the teacher",
            make=_make,
        )
    files = save_teacher(teacher, folder.teacher, recipe.built_teacher, trained_as=trained_as)
    if trained is None:
        curves.losses.save(folder.history("teacher"))
    context.forget()
    names = [
        f"teacher/{name}" for name in (*files, save_feature_statistics(_feature_statistics(context), folder.teacher))
    ]
    steps = load_history(folder.history("teacher"))["step"].to_numpy()
    facts: dict[str, Any] = {
        "model": recipe.teacher.title,
        **({"weights": teacher.source} if teacher.source else {}),
        "boundaries": list(teacher.boundaries),
        "cuts": list(cuts),
        "widths": list(teacher.widths),
        "images": int(steps.max(initial=0)) * recipe.teacher_fit.batch_size,
        **count_teacher(teacher, context.image_size),
    }
    is_random = recipe.distill.is_self_supervised and not recipe.teacher.weights
    images = None if is_random or context.data.evaluation is None else labelled_for(teacher, context.data.evaluation)
    if images is not None and images.labels is not None:
        result = evaluate(
            teacher.model,
            images,
            batch_size=recipe.rating.batch_size,
            runtime=context.runtime,
            normalize=teacher.normalize,
        )
        facts |= {"accuracy": result.accuracy, "num_evaluated": result.num_images}
    facts |= warned(context, teacher_warnings(facts, teacher.num_classes))
    is_timed = trained is None and (current() is None or not trained_as)
    return Result((*names, "history/teacher.parquet"), facts, is_timed=is_timed)


def _make(context: Context, search: str) -> Ingredients:
    return _ingredients(context, context.new_teacher())


def _ingredients(context: Context, teacher: Teacher) -> Ingredients:
    return Ingredients(teacher.model, teacher, context.data.train)


def _say_cuts(context: Context, teacher: Teacher) -> tuple[str, ...]:
    """Return where the teacher is cut and why, unless the recipe says where, and say it, with what the cuts rule out."""
    recipe, strides = context.recipe, context.space.strides
    cuts = tuple(text for text in cut_texts(teacher, strides) if not text.endswith(NAMED))
    stitching = bool(recipe.stitching.num_architectures) and not recipe.distill.is_self_supervised
    for text in (*cuts, *check_teacher(teacher, strides, scores=recipe.rating.scores, stitching=stitching)):
        context.reporter.say(f"teacher: {text}")
    return cuts


def _feature_statistics(context: Context) -> tuple[Standardization, ...]:
    """Return the mean and scale of the saved teacher's features on training images as augmented for distillation."""
    images, teacher = context.data.train, context.load_teacher()
    size = min(BATCH_SIZE, len(images))
    total = min(NUM_BATCHES, images.num_batches(size, drop_last=True))
    stream = images.batches(
        batch_size=size, seed=context.recipe.seed, epoch=0, augment=True, shuffle=True, skip=0, drop_last=True
    )
    with context.reporter.progress("measuring the teacher's features", total) as advance:

        def measured() -> Iterator[tuple[Tensor, ...]]:
            for number, batch in zip(range(1, total + 1), stream, strict=False):
                for part in batch.images.split(context.recipe.rating.batch_size):  # as many as fit into memory
                    with torch.no_grad(), context.runtime.autocast():
                        yield teacher.features(context.runtime.images(part))[1:]
                advance(number)

        return measure_feature_statistics(measured())
