"""Fine-tuning a model on other images; the result is a folder for timm with its accuracy on held-out images."""

import hashlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from torch import nn

from helixnas.artifacts import config_key
from helixnas.artifacts.files import read_json, remove, understanding, write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.data import DataConfig, TrainingImages, open_training_images
from helixnas.data.config import consequential
from helixnas.engine import Fit, Runtime
from helixnas.engine.fit import require_optimizer
from helixnas.engine.fit_run import Curves, final_figures, run_fit
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError
from helixnas.models.exporting import Origin, export, shown_as
from helixnas.models.opening import OpenedModel
from helixnas.models.validation import normalizer
from helixnas.retrain import FinetuneConfig, check_single_image, with_new_head

RECORD = "finetune.json"
"""Written last: the settings and figures of a finished model."""

MEND = "choose another --out"


def finetune(
    opened: OpenedModel,
    data: DataConfig,
    config: FinetuneConfig,
    *,
    out: Path,
    runtime: Runtime,
    reporter: Reporter,
    seed: int,
) -> dict[str, Any]:
    """Fine-tune a model and return its figures; if `out` already holds the result, only read them.

    The model is changed in place. A training that was interrupted in `out` resumes. `seed` is that of splits, order,
    augmentation and the new head.

    Raises:
        ArtifactError: `out` holds something else.
        DataError: the images have no labels, or cannot be opened.
        ConfigError: the batch is larger than the data, or the model does not take such images.
        Interrupted: asked to stop; finished work is saved.
    """
    require_optimizer(config.fit.optimizer)
    data = replace(data, augmentation=config.augmentation)
    made_from = {
        "model": opened.name,
        "data": consequential(asdict(data)),
        "settings": asdict(config),
        "seed": seed,
    }
    key, place = config_key(made_from, weights_digest(opened.model)), RunFolder(out)
    if place.exists():
        raise ArtifactError(f"{out} holds a run; choose another --out for the fine-tuned model")
    if (done := _finished(out, key)) is not None:
        reporter.say(f"{out}: done already")
        return done
    size = config.image_size or int(opened.shown["input_size"][-1])
    if 1 in (config.fit.microbatch_size, config.fit.batch_size):
        check_single_image(opened.model, size, "--microbatch-size, or fit.batch_size of the fine-tuning recipe")
    shown = replace(data, image_size=config.image_size)
    with reporter.progress("decoding images", 1) as advance:
        images = open_training_images(
            shown, image_size=size, seed=seed, progress=lambda done, total: advance(done, total=total)
        )
    images.train.require_labels("fine-tuning")
    model = with_new_head(
        opened.model, num_classes=len(images.class_names), image_size=size, name=opened.name, seed=seed
    )
    job = Fit(
        runtime.place(model),
        images.train,
        config=config.fit,
        runtime=runtime,
        normalize=normalizer(opened),
        seed=seed,
        title="the model",
    )
    checkpoint, title = out / "checkpoints" / "finetune.pt", f"fine-tuning {opened.name}"
    with place.locked():
        run_fit(job, reporter=reporter, checkpoint=checkpoint, key=key, curves=Curves(), stage="finetune", title=title)
        figures = _leave(job, opened, data, images, out)
        write_json(out / RECORD, {"key": key, **made_from, "weights": opened.weights, "figures": figures})
        remove(checkpoint.parent)
    return figures


def _leave(job: Fit, opened: OpenedModel, data: DataConfig, images: TrainingImages, out: Path) -> dict[str, Any]:
    """Write the model and return its figures."""
    assert images.evaluation is not None, "labelled images always have an evaluation set"
    model, figures = final_figures(job, images.evaluation)
    size = images.train.image_size
    origin = Origin(
        data=data.name or Path(data.root).name,
        class_names=images.class_names,
        accuracy=figures,
        facts={
            "fine-tuned from": opened.name,
            **({"its weights": opened.weights} if opened.weights else {}),
            "epochs": str(job.config.num_epochs),
        },
        shown={**shown_as(opened.shown, images.evaluation), "input_size": (3, size, size)},
    )
    finished = OpenedModel(model=model, name=f"{opened.name} on {origin.data}", trained=True)
    export(finished, images.evaluation, format="timm", path=out, origin=origin)
    return figures


def _finished(out: Path, key: str) -> dict[str, Any] | None:
    """Return the figures in `out` if it is finished, else None; raises if it holds something else."""
    if not (out / RECORD).is_file():
        if (out / "config.json").is_file():
            raise ArtifactError(f"{out} holds a model that was not fine-tuned here; choose another --out")
        return None
    with understanding(out / RECORD, mend=MEND):
        record = dict(read_json(out / RECORD, mend=MEND))
        if record.get("key") == key:
            return dict(record["figures"])
    raise ArtifactError(f"{out} holds a model that was fine-tuned with other settings; choose another --out")


def weights_digest(model: nn.Module) -> str:
    """Return a hash of a model's weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()
