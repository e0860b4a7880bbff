"""Transferring a model: build the segmenter or detector, train it, evaluate it, and leave a folder with pictures.

The training is the project's own loop (`helixnas.engine.fit`): resumable to the bit, with its schedules and precision.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from helixnas.artifacts import config_key
from helixnas.artifacts.files import remove, write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.data.config import INCONSEQUENTIAL
from helixnas.engine import Fit, Runtime, Stopwatch
from helixnas.engine.fit import require_optimizer
from helixnas.engine.fit_run import Curves, run_fit
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError
from helixnas.models.finetuning import weights_digest
from helixnas.models.opening import OpenedModel
from helixnas.models.validation import normalizer
from helixnas.nn import count_params, save_weights
from helixnas.transfer.building import describe, network_of
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.detection import detection_loss, evaluate_detection
from helixnas.transfer.extra import LIBRARIES, require_extra
from helixnas.transfer.networks.segmenter import Segmenter, segmenter_size
from helixnas.transfer.prediction import draw_scenes
from helixnas.transfer.record import TransferFolder, TransferRecord
from helixnas.transfer.reporting import write_page
from helixnas.transfer.scenes.augmentation import Augmentation
from helixnas.transfer.scenes.images import SceneImages
from helixnas.transfer.scenes.reading import open_scenes
from helixnas.transfer.segmentation import evaluate_segmentation, segmentation_figures


def transfer(
    opened: OpenedModel,
    root: Path,
    config: TransferConfig,
    *,
    out: Path,
    runtime: Runtime,
    reporter: Reporter,
    seed: int,
) -> dict[str, Any]:
    """Train a model's segmenter or detector and return its figures; if `out` already holds the result, only read them.

    The model is changed in place. A training that was interrupted in `out` resumes. `seed` is that of order, augmentation
    and the new layers.

    Raises:
        ArtifactError: `out` holds something else.
        DataError: the data set has no known layout, or a file is missing or malformed.
        ConfigError: the batch is larger than the data, or the model does not fit the task.
        Interrupted: asked to stop; finished work is saved.
    """
    require_extra(*LIBRARIES)
    require_optimizer(config.fit.optimizer)
    train, evaluation = open_images(root, config)
    record, place = _record(opened, config, train, evaluation, seed), RunFolder(out)
    folder = TransferFolder(out)
    if place.exists():
        raise ArtifactError(f"{out} holds a run; choose another --out for the transferred network")
    if (done := folder.finished(record.key)) is not None:
        reporter.say(f"{out}: done already")
        return done
    for scenes in (train.scenes, evaluation.scenes):
        if scenes.left_out:
            reporter.say(f"{scenes.title}: {scenes.left_out:,} boxes without area are left out")
    network, is_classes = runtime.place(network_of(opened.model, record, config)), config.task == "segmentation"
    job = Fit(
        network,
        train,
        config=config.fit,
        runtime=runtime,
        normalize=normalizer(opened),
        seed=seed,
        title="the segmenter" if is_classes else "the detector",
        criterion=None if is_classes else detection_loss,
    )
    with place.locked():
        figures = _run(job, evaluation, config, record, folder, reporter)
        write_json(folder.figures_file, figures)
        write_page(folder, record)
        folder.save(record)
        remove(folder.checkpoint.parent)
    return figures


def open_images(root: Path, config: TransferConfig) -> tuple[SceneImages, SceneImages]:
    """Return the training and the evaluation images; raises `DataError` if they differ in classes."""
    low, high = config.scales
    augmentation = Augmentation(
        image_size=config.image_size, scales=(low, high), flip=config.flip, color_jitter=config.color_jitter
    )
    train, evaluation = (
        SceneImages(
            scenes=open_scenes(root, task=config.task, split=split),
            augmentation=augmentation,
            short_side=config.short_side,
            num_workers=config.num_workers,
        )
        for split in (config.split, config.evaluation_split)
    )
    if train.scenes.class_names != evaluation.scenes.class_names:
        raise ConfigError(f"{train.scenes.title} and {evaluation.scenes.title} differ in their classes")
    return train, evaluation


def _record(
    opened: OpenedModel, config: TransferConfig, train: SceneImages, evaluation: SceneImages, seed: int
) -> TransferRecord:
    shown, settings = opened.shown, asdict(config)
    images = [each.scenes.fingerprint() for each in (train, evaluation)]
    consequential = {name: value for name, value in settings.items() if name not in INCONSEQUENTIAL}
    made_from = {"model": opened.name, "data": images, "settings": consequential, "seed": seed}
    return TransferRecord(
        key=config_key(made_from, weights_digest(opened.model)),
        model=opened.name,
        weights=opened.weights,
        trained=opened.trained,
        backbone=describe(opened.model, opened.name),
        data=train.scenes.title,
        evaluation=evaluation.scenes.title,
        class_names=train.scenes.class_names,
        mean=tuple(float(value) for value in shown["mean"]),
        std=tuple(float(value) for value in shown["std"]),
        settings=settings,
        seed=seed,
        imports=_imports(opened),
    )


def _imports(opened: OpenedModel) -> tuple[str, ...]:
    """Return the modules that the model's run imports; a file by its whole path, for predictions from another folder."""
    found = () if opened.run is None else opened.run.load_settings().get("imports") or ()
    return tuple(str(Path(name).resolve()) if str(name).endswith(".py") else str(name) for name in found)


def _run(
    job: Fit,
    evaluation: SceneImages,
    config: TransferConfig,
    record: TransferRecord,
    folder: TransferFolder,
    reporter: Reporter,
) -> dict[str, Any]:
    """Train, evaluate, and write weights, history and pictures; return the figures."""
    curves, watch, title = Curves(), Stopwatch(), f"{config.task} with {record.model}"
    with watch.running():
        run_fit(
            job,
            reporter=reporter,
            checkpoint=folder.checkpoint,
            key=record.key,
            curves=curves,
            stage="transfer",
            title=title,
            watch=watch,
        )
    model = job.model if job.average is None else job.average.module
    with reporter.progress("evaluating", len(evaluation)) as advance:
        if isinstance(model, Segmenter):
            how: dict[str, Any] = {"runtime": job.runtime, "normalize": job.normalize, "advance": advance}
            counts = evaluate_segmentation(model, evaluation, **how)
            figures = segmentation_figures(counts, record.class_names)
            figures["macs"] = segmenter_size(model, config.image_size)[1]
        else:
            figures = evaluate_detection(model, evaluation, runtime=job.runtime, advance=advance)
    save_weights(folder.weights, model.state_dict())
    curves.losses.save(folder.history)
    draw_scenes(model, evaluation, job.normalize, job.runtime, folder.pictures)
    spent = {"seconds": watch.seconds, "core_seconds": watch.core_seconds, "steps": job.step}
    return {**figures, "params": count_params(model), **spent}
