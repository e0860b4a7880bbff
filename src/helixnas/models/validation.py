"""Validating a model: accuracy, speed and size."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from helixnas.data import DataConfig, ImageSet, open_images
from helixnas.data.classes import match_classes
from helixnas.data.config import INTERPOLATIONS, OPEN_PREFIXES, PARQUET, TORCH_NAMES
from helixnas.data.image_files import is_parquet
from helixnas.engine import Runtime, evaluate, explain_out_of_memory, median_seconds, wait_for
from helixnas.errors import ConfigError, number_of
from helixnas.models.opening import OpenedModel
from helixnas.nn import Normalization, count_macs, count_params, meta_copy
from helixnas.nn.class_names import known_classes

BATCH_SIZE = 64
"""Default images at a time; all if there are fewer."""

BATCH_OPTION = "--batch-size"


@dataclass(frozen=True, kw_only=True)
class Validation:
    """Accuracy, speed and size of a model on one set of images and one device."""

    top1: float
    """Share of images whose class has the largest logit."""

    top5: float
    """Share of images whose class is among the five largest logits."""

    loss: float
    """Mean cross-entropy."""

    num_images: int
    params: int
    macs: int
    """Multiply-adds of one image."""

    images_per_second: float
    """In batches of `batch_size`, on the device, without reading images."""

    latency_ms: float
    """Milliseconds for a single image."""

    batch_size: int
    image_size: int
    """Side of the images in pixels."""

    device: str
    """Device and number of threads."""

    classes: str
    """How the classes of the model and of the images were matched."""


def validate(opened: OpenedModel, images: ImageSet, *, runtime: Runtime, batch_size: int | None = None) -> Validation:
    """Validate a model on labelled images.

    Raises:
        DataError: the images have no labels, or classes that the model does not predict.
        ConfigError: the batch is larger than the data.
        OutOfMemoryError: the batch does not fit.
    """
    images.require_labels("validation")
    size, model = chosen_batch_size(batch_size, images), runtime.place(opened.model)
    known, outputs = (
        known_classes(opened.model, images.class_names),
        getattr(opened.model, "num_classes", images.num_classes),
    )
    images, classes = match_classes(images, known, outputs, name=opened.name)
    found = evaluate(model, images, batch_size=size, runtime=runtime, normalize=normalizer(opened))
    (batch,) = images.subset(range(size)).batches(batch_size=size, seed=0, augment=False, shuffle=False)
    shown = normalizer(opened)(runtime.images(batch.images))
    with explain_out_of_memory(BATCH_OPTION, size):
        times = time_batches(model, shown, runtime)
    params, macs = sizes(model, images.image_size)
    cpu = f"{runtime.device.type}, {torch.get_num_threads()} threads"
    return Validation(
        top1=found.accuracy,
        top5=found.top5,
        loss=found.loss,
        num_images=found.num_images,
        params=params,
        macs=macs,
        images_per_second=size / times["batch"],
        latency_ms=times["one"] * 1e3,
        batch_size=size,
        image_size=images.image_size,
        device=torch.cuda.get_device_name(runtime.device) if runtime.device.type == "cuda" else cpu,
        classes=classes,
    )


def data_for(
    opened: OpenedModel,
    data: str,
    *,
    root: str = "",
    split: str = "validation",
    image_size: int = 0,
    download: bool = False,
) -> ImageSet:
    """Open the images that a user names, preprocessed for the model.

    `data` is "digits", a torchvision, Hugging Face or WebDataset name (`root`: where its images are), or a folder or tar of
    images, or of Parquet files; `split` may be a sub-folder; `image_size` is the side in pixels, 0 for the model's; `download`
    lets torchvision fetch a data set that it knows.
    """
    config = data_config(opened, data, root=root, split=split, image_size=image_size, download=download)
    return open_images(replace(config, image_size=image_size), image_size=int(opened.shown["input_size"][-1]))


def data_config(
    opened: OpenedModel, data: str, *, root: str, split: str, image_size: int, download: bool = False
) -> DataConfig:
    """Return the settings of the images that a user names; see `data_for`."""
    shown = opened.shown
    channels, height, width = shown["input_size"]
    if channels != 3 or (height != width and not image_size):
        raise ConfigError(
            f"{opened.name} takes images of {channels} channels and {height} x {width} pixels; "
            "only square images of 3 channels are supported"
        )
    is_name = data in ("digits", PARQUET, *TORCH_NAMES) or data.startswith(OPEN_PREFIXES)
    if root and not is_name:
        raise ConfigError(f"--root is the folder of a data set that --data names, but {data} is none; leave --root out")
    if download and data not in TORCH_NAMES:
        raise ConfigError(
            f"--download is for data sets that torchvision knows (torch/...), not for {data}; leave it out"
        )
    return DataConfig(
        name=data if is_name else PARQUET if is_parquet(data) else "",
        root=root if is_name else data,
        split=split,
        download=download,
        crop_ratio=float(shown["crop_pct"]),
        interpolation=shown["interpolation"] if shown["interpolation"] in INTERPOLATIONS else "bicubic",
    )


def chosen_batch_size(wanted: int | None, images: ImageSet) -> int:
    """Return the batch size; raises `ConfigError` if there are fewer images."""
    if wanted is None:
        return min(BATCH_SIZE, len(images))
    if not 1 <= wanted <= len(images):
        raise ConfigError(
            f"{BATCH_OPTION} is {wanted:,}, but there {'is' if len(images) == 1 else 'are'} {number_of(len(images), 'image')}; "
            f"choose 1 to {len(images):,}"
        )
    return wanted


def normalizer(opened: OpenedModel) -> Normalization:
    """Return the normalisation of the model's input, for images in [0, 1]."""
    shown = opened.shown
    return Normalization(tuple(shown["mean"]), tuple(shown["std"]))


def sizes(model: nn.Module, image_size: int) -> tuple[int, int]:
    """Return parameters and multiply-adds, attention included."""
    return count_params(model), count_macs(meta_copy(model), (1, 3, image_size, image_size))


def time_batches(model: nn.Module, images: Tensor, runtime: Runtime) -> dict[str, float]:
    """Return the median seconds of the model on all `images` ("batch") and on the first alone ("one")."""

    def call(batch: Tensor) -> None:
        with torch.inference_mode(), runtime.autocast():
            model(batch)
        wait_for(runtime.device)

    first = images[:1].contiguous(memory_format=runtime.memory_format)
    return median_seconds({"batch": lambda: call(images), "one": lambda: call(first)})
