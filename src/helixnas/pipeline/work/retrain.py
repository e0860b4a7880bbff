"""Work of the retrain and inherit stages: the winner of a search trained from scratch, or from inherited weights."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from helixnas.artifacts.files import link_file, read_json, read_text, write_json
from helixnas.data import ImageSet
from helixnas.engine import FitConfig, Objective
from helixnas.engine.distributed.parallel import current
from helixnas.engine.fit_run import Curves, final_figures
from helixnas.errors import ConfigError
from helixnas.nn.class_names import known_classes
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import PlannedStage, is_done, plan
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.fitting import Ingredients, fit_classifier, watched_images
from helixnas.pipeline.work.search import ARCHITECTURE, load_search
from helixnas.retrain import (
    FrozenBody,
    RetrainConfig,
    build_model,
    fold,
    inherit,
    objective_of,
    recalibrate,
    save_model,
)
from helixnas.space import Architecture
from helixnas.zoo import HelixNet


def retrain(context: Context, key: str, search: str) -> Result:
    """Train the winner of one named search from scratch and evaluate it on held-out images."""
    stage = f"retrain:{search}"
    if (reused := _reuse_twin(context, stage)) is not None:
        return reused
    folder = context.folder.retrained(search)
    model = _ingredients(context, new_network(context, search))
    return _train(context, model, stage, key, folder, context.recipe.retraining.fit, {})


def retrain_inherited(context: Context, key: str, search: str) -> Result:
    """Let the winner of one named search inherit the supernet's weights, fit its head, and fine-tune it."""
    config, stage, head = context.recipe.retraining, f"inherit:{search}", f"head:{search}"
    if (reused := _reuse_twin(context, stage)) is not None:
        return reused
    model = inherited_network(context, search)
    body = FrozenBody(model)
    fitted = fit_classifier(
        context,
        Ingredients(body, context.teacher, training_images(context, config)),
        config=config.inherit.head_fit(config.fit),
        stage=head,
        key=key,
        curves=Curves(),
        title=f"fitting the head of {search}",
        search=search,
        make=_make_with_frozen_body,
        keep=True,
    )
    body.release()
    _, figures = final_figures(fitted, context.data.evaluation)
    facts = {"accuracy_of_head": figures["accuracy"]} if "accuracy" in figures else {}
    fit = config.inherit.tuning(config.fit)
    result = _train(context, _ingredients(context, model), stage, key, context.folder.inherited(search), fit, facts)
    return result._replace(temporary=(context.folder.checkpoint(head),))


def inherited_network(context: Context, search: str) -> HelixNet:
    """Return the winner of a search with the supernet's weights, batch norms measured, and a random classifier.

    Raises `ConfigError` if the weights of this supernet cannot be inherited.
    """
    model = new_network(context, search)
    take_weights(context, model)
    return model


def take_weights(context: Context, model: HelixNet) -> None:
    """Give a network the supernet's weights, all but the classifier's, and measure its batch norms.

    Raises `ConfigError` if the weights of this supernet cannot be inherited.
    """
    stitched = inherit(model, context.supernet)
    recalibrate(stitched, lambda: _unaugmented(context, context.recipe.retrain or RetrainConfig()))
    fold(stitched)


def _reuse_twin(context: Context, stage: str) -> Result | None:
    """Link the trained network of another search with the same winner; None if there is none."""
    folder, record = context.folder, context.folder.load_record()
    beside = {name: config for name in folder.search_names() if (config := load_search(folder, name)) is not None}
    recipe = replace(context.recipe, searches={**beside, **context.recipe.searches})
    planned = {one.name: one for one in plan(recipe.to_dict(), record.contents)}
    own = planned[stage]
    winner = read_json(folder.search(own.search) / ARCHITECTURE)
    for twin in planned.values():
        if twin.stage != own.stage or twin.search == own.search or not is_done(twin, record, folder):
            continue
        if read_json(folder.search(twin.search) / ARCHITECTURE) == winner:
            finished = record.stages[twin.name]
            files = {name: _renamed(name, twin, own) for name in finished.files}
            for theirs, ours in files.items():
                link_file(folder.path / theirs, folder.path / ours)
            context.reporter.say(f"{stage}: same winner as search {twin.search}; its trained weights are reused")
            return Result(tuple(files.values()), {**finished.facts, "reused from": twin.name})
    return None


def _renamed(file: str, twin: PlannedStage, own: PlannedStage) -> str:
    """Return the path of another search's file in this search."""
    if file.startswith("history/"):
        return file.replace(f"-{twin.search}.parquet", f"-{own.search}.parquet")
    return file.replace(f"searches/{twin.search}/", f"searches/{own.search}/")


def check_images(context: Context) -> None:
    """Check the training images before retraining.

    Raises:
        DataError: they have no labels.
        ConfigError: there are fewer than a batch.
    """
    config, images = context.recipe.retraining, context.data.train
    images.require_labels("retraining")
    if config.fit.batch_size > len(images):
        raise ConfigError(
            f"retrain.fit.batch_size is {config.fit.batch_size:,}, but there are only {len(images):,} training images; "
            f"choose at most {len(images):,}"
        )


def check_teaching(context: Context) -> None:
    """Raise `ConfigError` if the teacher shall teach the whole network but predicts other classes."""
    if context.recipe.retrain is not None and context.recipe.retrain.teach != "none":
        _objective(context)


def new_network(context: Context, name: str) -> HelixNet:
    """Return the winner of a search with its initial weights, which depend only on the recipe's seed."""
    architecture = Architecture.from_json(read_text(context.folder.search(name) / ARCHITECTURE))
    model = build_model(
        architecture,
        num_classes=context.data.num_classes,
        image_size=context.image_size,
        mean=context.teacher.mean.flatten().tolist(),
        std=context.teacher.std.flatten().tolist(),
        config=context.recipe.retrain or RetrainConfig(),
        seed=context.recipe.seed,
        class_names=context.data.class_names,
    )
    assert isinstance(model, HelixNet)
    return context.runtime.place(model)


def training_images(context: Context, config: RetrainConfig) -> ImageSet:
    """Return the training images with the augmentation of retraining."""
    images = context.data.train
    return images.with_augmentation(config.augmentation) if config.augmentation else images


def _unaugmented(context: Context, config: RetrainConfig) -> Iterator[Tensor]:
    """Yield normalised training images without augmentation, the same at every call."""
    images = context.data.train
    chosen = images.subset(min(config.inherit.num_images, len(images)))
    size = min(config.inherit.batch_size, len(chosen))
    for batch in chosen.batches(batch_size=size, seed=context.recipe.seed, augment=False, shuffle=True, drop_last=True):
        with torch.no_grad():
            yield context.teacher.normalize(context.runtime.images(batch.images))


def _ingredients(context: Context, model: HelixNet) -> Ingredients:
    images = training_images(context, context.recipe.retraining)
    return Ingredients(model, context.teacher, images, _objective(context))


def _make(context: Context, search: str) -> Ingredients:
    return _ingredients(context, new_network(context, search))


def _make_with_frozen_body(context: Context, search: str) -> Ingredients:
    model, teacher, images, _ = _make(context, search)
    assert isinstance(model, HelixNet), "networks of the space are"
    return Ingredients(FrozenBody(model), teacher, images)


def _train(
    context: Context,
    ingredients: Ingredients,
    stage: str,
    key: str,
    folder: Path,
    fit: FitConfig,
    facts: Mapping[str, Any],
) -> Result:
    """Train a network, and write the model, its figures with further `facts`, and its curves."""
    kind, _, name = stage.partition(":")
    curves = Curves(watched_images(context))
    job = fit_classifier(
        context,
        ingredients,
        config=fit,
        stage=stage,
        key=key,
        curves=curves,
        title=f"{'fine-tuning' if kind == 'inherit' else 'retraining'} {name}",
        search=name,
        make=_make,
    )
    trained, figures = final_figures(job, context.data.evaluation)
    found = {**figures, **facts, "accuracy_by_epoch": curves.accuracies}
    files = [folder / name for name in save_model(trained, folder)]
    history = context.folder.history(stage)
    curves.losses.save(history)
    write_json(folder / "metrics.json", found)
    files += [folder / "metrics.json", history]
    names = tuple(str(file.relative_to(context.folder.path)) for file in files)
    return Result(names, found, is_timed=current() is None)


def _objective(context: Context) -> Objective | None:
    config, teacher, wanted = context.recipe.retraining, context.teacher, context.data.class_names
    known = known_classes(teacher.model, wanted)
    shared = tuple(known.index(name) for name in wanted) if {*wanted} <= {*known} else None
    return objective_of(
        teacher if shared is None else lambda images: teacher(images)[:, shared],
        kind=config.teach,
        share=config.teach_share,
        temperature=config.temperature,
        num_classes=(teacher.num_classes if shared is None else len(shared), len(wanted)),
    )
