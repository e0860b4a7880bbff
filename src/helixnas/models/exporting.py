"""Exporting a model to a file, which is compared with PyTorch on real images and timed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.artifacts.files import read_json, read_text
from helixnas.data import ImageSet
from helixnas.engine import median_seconds
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.export import CardFacts, OnnxCall, Parity, export_onnx, export_pt2, export_timm, model_card
from helixnas.export.model_card import ACCURACIES
from helixnas.models.opening import OpenedModel
from helixnas.models.validation import normalizer, sizes
from helixnas.nn.class_names import known_classes
from helixnas.report.elements.intervals import wilson_interval
from helixnas.space import Architecture

FORMATS = {"onnx": ".onnx", "pt2": ".pt2", "timm": ""}
"""Formats and the endings of their files; timm's is a folder."""

NUM_COMPARED = 64
"""Images on which an export is compared with the model."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """An exported model and its comparison with the original."""

    path: Path
    parity: Parity
    seconds: Mapping[str, float] = field(default_factory=dict[str, float])
    """Median seconds for one image by runtime; the original first."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Facts of a model's training for its model card."""

    data: str = ""
    class_names: tuple[str, ...] = ()
    accuracy: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """accuracy, top5, loss, num_images, if no run records them."""

    facts: Mapping[str, str] = field(default_factory=dict[str, str])
    """Further rows of the card, if no run records them."""

    repo: str = ""
    """Name on the hub, OWNER/NAME, if it goes there."""

    shown: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Preprocessing of the images, if the model does not know it."""


def export(
    opened: OpenedModel,
    images: ImageSet,
    *,
    format: str,
    path: Path | None = None,
    tolerance: float = 1e-4,
    origin: Origin | None = None,
) -> Export:
    """Write a model in a format (onnx, pt2 or timm) and compare it with the original on real images.

    The default `path` is beside the retrained network of a run, else in the current folder (`default_path`); `tolerance` is
    the largest accepted difference of a logit; `origin` holds facts for the model card.

    Raises:
        UnknownNameError: no such format.
        ConfigError: the tolerance is no number from 0, or the path has the ending of another format.
        ExportError: the format cannot express the model, or the export differs by more than `tolerance`.
        ArtifactError: the file cannot be written.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    if not 0 <= tolerance < float("inf"):
        raise ConfigError(f"the tolerance must be a number of at least 0, not {tolerance}")
    path, model, origin = path or default_path(opened, format), opened.model.cpu(), origin or Origin()
    for other, ending in FORMATS.items():
        if other != format and ending and path.suffix == ending:
            raise ConfigError(
                f"{path} ends as files of the format {other} do, not of {format}; choose another name or format"
            )
    number = min(NUM_COMPARED, len(images))
    (batch,) = images.subset(number).batches(batch_size=number, seed=0, augment=False, shuffle=False)  # even by class
    shown_images = normalizer(opened)(batch.images).contiguous()
    shown = origin.shown or (opened.shown if opened.run is None else shown_as(opened.shown, images))
    class_names = origin.class_names or known_classes(model, images.class_names)
    if format == "timm":
        card, files = _card(opened, images, origin, shown)
        parity = export_timm(model, path, shown_images, card=card, shown=shown, class_names=class_names, files=files)
        return Export(path=path, parity=parity)
    write = export_onnx if format == "onnx" else export_pt2
    parity = write(model, path, shown_images, tolerance=tolerance, metadata=_metadata(opened, shown, class_names))
    return Export(path=path, parity=parity, seconds=_times(model, path, format, shown_images[:1]))


def default_path(opened: OpenedModel, format: str) -> Path:
    """Return the default path of an export: ``searches/NAME/export`` in a run, else the current folder."""
    if opened.run is not None:
        return opened.run.search(opened.search) / "export" / ("timm" if format == "timm" else f"model{FORMATS[format]}")
    return Path(f"{opened.name.replace(':', '-').replace('/', '-')}{FORMATS[format] or '-timm'}")


def _times(model: nn.Module, path: Path, format: str, image: Tensor) -> dict[str, float]:
    """Return the median seconds of the original and the export on one image, measured alternately."""
    original = model.eval()
    threads = torch.get_num_threads()
    found = OnnxCall(path, num_threads=threads) if format == "onnx" else torch.export.load(path).module()

    def infer(call: Any) -> None:
        with torch.inference_mode():
            call(image)

    names = {"onnx": "ONNX Runtime", "pt2": "pt2"}
    return median_seconds({"PyTorch": lambda: infer(original), names[format]: lambda: infer(found)})


def shown_as(shown: Mapping[str, Any], images: ImageSet) -> dict[str, Any]:
    """Return the preprocessing `shown` with crop and interpolation of these images; small ones are not cropped."""
    stored = min(images.store.source.read(int(images.rows[0])).size)
    crop = images.store.crop_ratio if stored > images.image_size else 1.0
    return {**shown, "crop_pct": crop, "interpolation": images.store.interpolation}


def _metadata(opened: OpenedModel, shown: Mapping[str, Any], class_names: Sequence[str]) -> dict[str, str]:
    """Return metadata for the file: preprocessing, name, class names (a JSON list) and architecture."""
    found = {"name": opened.name}
    if class_names:
        found["class_names"] = json.dumps(class_names)
    for name, value in shown.items():
        found[name] = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    architecture = getattr(opened.model, "architecture", None)
    return found if architecture is None else {**found, "architecture": architecture.text}


def _card(
    opened: OpenedModel, images: ImageSet, origin: Origin, shown: Mapping[str, Any]
) -> tuple[str, dict[str, str]]:
    """Return the model card and the files of the search that accompany it."""
    params, macs = sizes(opened.model, images.image_size)
    architecture = getattr(opened.model, "architecture", None)
    found = _of_run(opened) or {"accuracy": origin.accuracy, "facts": origin.facts}
    card = model_card(
        CardFacts(
            name=opened.name,
            architecture=architecture if isinstance(architecture, Architecture) else None,
            params=params,
            macs=macs,
            shown=shown,
            num_classes=int(getattr(opened.model, "num_classes", 0)),
            data=origin.data,
            repo=origin.repo,
            intervals=_intervals(found["accuracy"]),
            **found,
        )
    )
    files = {"architecture.json": architecture.to_json()} if isinstance(architecture, Architecture) else {}
    if found.get("certificate") and opened.run is not None:
        files["certificate.json"] = read_text(opened.run.search(opened.search) / "certificate.json")
    return card, files


def _intervals(accuracy: Mapping[str, Any]) -> dict[str, tuple[float, float]]:
    """Return Wilson's 95 % intervals of the accuracies that are shares of a known number of images."""
    number = int(accuracy.get("num_images") or 0)
    return {name: wilson_interval(float(accuracy[name]), number) for name in ACCURACIES if name in accuracy and number}


def _of_run(opened: OpenedModel) -> dict[str, Any]:
    """Return the facts that a run records about a network: search, certificate and accuracy."""
    if opened.run is None:
        return {}
    folder, record = opened.run.search(opened.search), opened.run.load_record()
    teacher = record.stages["teacher"].facts if "teacher" in record.stages else {}
    rows = {
        "recipe": record.recipe,
        "command": f"`helixnas run RECIPE --out RUN`, with this recipe; search {opened.search}",
    }
    if "model" in teacher:
        rows["teacher"] = f"{teacher['model']}, {teacher['params']:,} parameters, {teacher['macs']:,} multiply-adds"
        rows["weights of the teacher"] = str(teacher.get("weights", ""))
    if opened.folder == opened.run.inherited(opened.search):
        rows["first weights"] = "inherited from the supernet, then fine-tuned"
    elif opened.folder is None:
        rows["weights"] = opened.weights
    rows["versions"] = ", ".join(f"{name} {version}" for name, version in record.versions.items())
    found: dict[str, Any] = {"accuracy": {}, "facts": {name: text for name, text in rows.items() if text}}
    files = {"search": folder / "result.json", "certificate": folder / "certificate.json"}
    files |= {"accuracy": opened.folder / "metrics.json"} if opened.folder is not None else {}
    for key, file in files.items():
        found[key] = read_json(file) if file.is_file() else {}
    return found
