"""The stages that end in a model: the winner of a search trained from scratch, or from what it inherits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from helixnas.artifacts.files import read_text, write_json
from helixnas.data import ImageSet
from helixnas.engine import Fit, Objective
from helixnas.errors import ConfigError
from helixnas.pipeline.drive import discard
from helixnas.pipeline.session import Session
from helixnas.pipeline.stages import Result
from helixnas.pipeline.training import Curves, final_figures, fit_classifier, watched_images
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


def retrain(session: Session, key: str, *, name: str) -> Result:
    """Train the winner of one named search from scratch and evaluate it on images that nothing has seen."""
    model, curves = _new_network(session, name), Curves(watched_images(session))
    job = _train(session, model, f"retrain:{name}", key, curves)
    return _leave(session, job, session.folder.retrained(name), f"retrain:{name}", curves, {})


def retrain_inherited(session: Session, key: str, *, name: str) -> Result:
    """Let the winner of one named search inherit the supernet's weights, fit its head, and fine-tune it."""
    config, stage = _config(session), f"inherit:{name}"
    model = _new_network(session, name)
    stitched = inherit(model, session.supernet)
    recalibrate(stitched, lambda: _unvaried(session, config))
    fold(stitched)
    body = FrozenBody(model)
    head = f"head:{name}"
    fitted = fit_classifier(
        session,
        body,
        session.teacher,
        config=config.inherit.head_fit(config.fit),
        stage=head,
        key=key,
        curves=Curves(),
        title=f"fitting the head of {name}",
        images=training_images(session, config),
        keep=True,
    )
    body.release()
    _, figures = final_figures(fitted, session.data.evaluation)
    facts = {"accuracy_of_head": figures["accuracy"]} if "accuracy" in figures else {}
    curves = Curves(watched_images(session))
    job = _train(session, model, stage, key, curves)
    result = _leave(session, job, session.folder.inherited(name), stage, curves, facts)
    discard(session.folder.checkpoint(head))
    return result


def check_images(session: Session) -> None:
    """Raise where the training images cannot serve to retrain a network.

    Raises:
        DataError: they have no labels.
        ConfigError: a batch holds more.
    """
    config, images = _config(session), session.data.train
    images.require_labels("retraining")
    if config.fit.batch_size > len(images):
        raise ConfigError(
            f"retrain.fit.batch_size is {config.fit.batch_size:,}, but there are only {len(images):,} training images; "
            f"choose at most {len(images):,}"
        )


def check_teaching(session: Session) -> None:
    """Raise `ConfigError` where the teacher is to teach the whole network and tells other classes apart."""
    if session.recipe.retrain is not None and session.recipe.retrain.teach != "none":
        _objective(session)


def _config(session: Session) -> RetrainConfig:
    config = session.recipe.retrain
    assert config is not None, "the plan holds no such stage without its settings"
    return config


def _new_network(session: Session, name: str) -> HelixNet:
    architecture = Architecture.from_json(read_text(session.folder.search(name) / "architecture.json"))
    model = build_model(
        architecture,
        num_classes=session.data.num_classes,
        image_size=session.image_size,
        mean=session.teacher.mean.flatten().tolist(),
        std=session.teacher.std.flatten().tolist(),
        config=_config(session),
        seed=session.recipe.seed,
    )
    assert isinstance(model, HelixNet)
    return session.runtime.place(model)


def training_images(session: Session, config: RetrainConfig) -> ImageSet:
    """Return the training images, varied as retraining asks for."""
    images = session.data.train
    return images.with_augmentation(config.augmentation) if config.augmentation else images


def _unvaried(session: Session, config: RetrainConfig) -> Iterator[Tensor]:
    """Yield normalised training images as they are evaluated, the same at every call."""
    images = session.data.train
    chosen = images.subset(min(config.inherit.num_images, len(images)))
    size = min(config.inherit.batch_size, len(chosen))
    for batch in chosen.batches(batch_size=size, seed=session.recipe.seed, augment=False, shuffle=True, drop_last=True):
        with torch.no_grad():
            yield session.teacher.normalize(session.runtime.images(batch.images))


def _train(session: Session, model: HelixNet, stage: str, key: str, curves: Curves) -> Fit:
    config, teacher = _config(session), session.teacher
    kind, _, name = stage.partition(":")
    inherited = kind == "inherit"
    return fit_classifier(
        session,
        model,
        teacher,
        config=config.inherit.tuning(config.fit) if inherited else config.fit,
        stage=stage,
        key=key,
        curves=curves,
        title=f"{'fine-tuning' if inherited else 'retraining'} {name}",
        images=training_images(session, config),
        objective=_objective(session),
    )


def _objective(session: Session) -> Objective | None:
    config, teacher = _config(session), session.teacher
    return objective_of(
        teacher,
        kind=config.teach,
        share=config.teach_share,
        temperature=config.temperature,
        num_classes=(teacher.num_classes, session.data.num_classes),
    )


def _leave(session: Session, job: Fit, folder: Path, stage: str, curves: Curves, facts: dict[str, Any]) -> Result:
    """Write the model, its figures and its curves."""
    model, figures = final_figures(job, session.data.evaluation)
    found = {**figures, **facts, "accuracy_by_epoch": curves.accuracies}
    files = [folder / name for name in save_model(model, folder)]
    history = session.folder.history(stage)
    curves.losses.save(history)
    write_json(folder / "metrics.json", found)
    files += [folder / "metrics.json", history]
    return Result(tuple(str(file.relative_to(session.folder.path)) for file in files), found)
