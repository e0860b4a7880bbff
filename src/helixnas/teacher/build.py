"""Building a teacher from its settings, saving it and loading it."""

import copy
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from timm.data import resolve_data_config
from torch import Tensor, nn

from helixnas.artifacts.files import damaged, read_json, understanding, write_json
from helixnas.errors import ArtifactError, TeacherError
from helixnas.nn import build_seeded, count_all, load_saved_weights, not_finite, save_weights
from helixnas.space.grids import grid_of, whole_ratio
from helixnas.teacher.boundaries import require_modules
from helixnas.teacher.config import TeacherConfig
from helixnas.teacher.cutting.choice import default_cut
from helixnas.teacher.measure import layouts_of
from helixnas.teacher.standardization import Standardization
from helixnas.teacher.teacher import Teacher
from helixnas.teacher.trace import run_blank
from helixnas.teacher.weights import PACKAGED_MODEL, classes_in, hub_text, load_package, load_weights, read_weights
from helixnas.zoo import create_model, require_known_model

FILES = ("model.safetensors", "teacher.json")
STATISTICS_FILE = "units.safetensors"
NAMED = "named in the recipe"
"""Why a teacher is cut at a boundary of the recipe."""


def build_teacher(
    config: TeacherConfig,
    *,
    strides: Sequence[int],
    num_classes: int,
    input_size: tuple[int, int],
    seed: int,
    frozen: bool = True,
) -> Teacher:
    """Build the teacher: network, weights (if any) and boundaries.

    A teacher without weights gets `num_classes` outputs and initial weights from `seed`. `strides` are the cumulative
    strides of the space's blocks, `input_size` is height and width in pixels; a teacher still to be trained is not frozen.

    Raises:
        UnknownNameError: no such model or module.
        TeacherError: the weights do not fit, or the boundaries are invalid.
    """
    model, source = _with_weights(config, num_classes, seed)
    teacher = _cut(model, config, strides, input_size, frozen=frozen)
    teacher.source = source
    return teacher


def sketch_teacher(
    config: TeacherConfig, *, strides: Sequence[int], num_classes: int | None, input_size: tuple[int, int]
) -> Teacher:
    """Return the teacher on the meta device, to know sizes and boundaries without weights or computation.

    `num_classes` is that of the images, None if it is not known: then a teacher without weights has its model's default. Of
    a file of weights that is there, the classes are read.
    """
    model = _without_weights(config, num_classes)
    return _cut(model, config, strides, input_size, frozen=True, sketched=True).to("meta")


def sketch_costs(config: TeacherConfig, *, num_classes: int | None, image_size: int) -> tuple[dict[str, int], int]:
    """Return the resources of a teacher for one image, by the names used in searches, and its number of outputs.

    It is not cut, which takes far longer for a large one. `num_classes` is as for `sketch_teacher`. Raises `TeacherError` if the
    network does not take such images.
    """
    model = _without_weights(config, num_classes).to("meta")
    shape = (int(config.model_args.get("in_chans", 3)), image_size, image_size)
    output = run_blank(model, (), lambda name, output: None, shape)
    return _resources(model, shape), int(getattr(model, "num_classes", output.shape[-1]))


def _cut(
    model: nn.Module,
    config: TeacherConfig,
    strides: Sequence[int],
    input_size: tuple[int, int],
    *,
    frozen: bool,
    sketched: bool = False,
) -> Teacher:
    """Return the teacher cut at its boundaries, on the meta device if `sketched`, where nothing could be measured."""
    mean, std = _normalization(model, int(config.model_args.get("in_chans", 3)))
    boundaries, reasons, layouts = config.boundaries, (NAMED,) * len(config.boundaries), ()
    if not boundaries:
        cuts = default_cut(model, strides, input_size, in_chans=len(mean))
        boundaries, reasons = tuple(cut.boundary.name for cut in cuts), tuple(cut.reason for cut in cuts)
        layouts = tuple(cut.boundary.layout for cut in cuts)
    if len(boundaries) != len(strides):
        raise TeacherError(
            f"teacher.boundaries names {len(boundaries)} modules, but the space has {len(strides)} blocks; name "
            "one per block"
        )
    require_modules(model, boundaries)
    sizes = [grid_of(input_size, stride) for stride in strides]
    layouts = layouts or layouts_of(model, boundaries, input_size, in_chans=len(mean), sizes=sizes)
    model = model.to("meta") if sketched else model
    teacher = Teacher(model, boundaries, mean=mean, std=std, input_size=input_size, frozen=frozen, layouts=layouts)
    teacher.reasons = reasons
    _check_sizes(teacher, strides)
    return teacher


def save_teacher(
    teacher: Teacher, folder: Path, config: TeacherConfig, *, trained_as: str = "", key: str = ""
) -> tuple[str, ...]:
    """Write the teacher's weights and description, each file whole or not at all; return the file names.

    `trained_as` is the hash of the settings of its training, for `trained_weights`; empty if it was not trained. The
    weights carry the `key` of their stage, if one is given.
    """
    save_weights(folder / FILES[0], teacher.model.state_dict(), key=key)
    description = {
        "model": config.model,
        "model_args": dict(config.model_args),
        "num_classes": teacher.num_classes,
        "boundaries": list(teacher.boundaries),
        "input_size": list(teacher.input_size),
        "feature_sizes": [list(size) for size in teacher.feature_sizes],
        "mean": teacher.mean.flatten().tolist(),
        "std": teacher.std.flatten().tolist(),
        "trained_as": trained_as,
    }
    write_json(folder / FILES[1], description)
    return FILES


def save_feature_statistics(statistics: Sequence[Standardization], folder: Path) -> str:
    """Write the statistics of a teacher's features into its folder, and return the file's name."""
    save_weights(folder / STATISTICS_FILE, nn.ModuleList(statistics).state_dict())
    return STATISTICS_FILE


def load_feature_statistics(folder: Path, widths: Sequence[int]) -> tuple[Standardization, ...]:
    """Read the statistics of a teacher's features; raises `ArtifactError` if the file is missing or damaged."""
    statistics = [Standardization(torch.zeros(width), torch.ones(width)) for width in widths]
    weights, own = load_saved_weights(folder / STATISTICS_FILE), nn.ModuleList(statistics)
    if wrong := not_finite(weights, own.state_dict()):
        raise damaged(folder / STATISTICS_FILE, ValueError(f"it holds {wrong}"))
    try:
        own.load_state_dict(weights)
    except RuntimeError as error:
        raise damaged(folder / STATISTICS_FILE, error) from error
    return tuple(statistics)


def trained_weights(folder: Path, trained_as: str) -> dict[str, Tensor] | None:
    """Return the weights in a teacher's folder if the hash of their training is `trained_as`, else None.

    The hash leaves out where the teacher is cut, so other boundaries need no new training.
    """
    try:
        same = read_json(folder / FILES[1]).get("trained_as") == trained_as
        return load_saved_weights(folder / FILES[0]) if same else None
    except (ArtifactError, AttributeError):
        return None


def load_teacher(folder: Path, *, learns: bool = False) -> Teacher:
    """Read a teacher from a run, frozen unless it `learns` block by block (DNA++).

    Raises `ArtifactError` if a file is missing or damaged.
    """
    description = read_json(folder / FILES[1])
    weights = load_saved_weights(folder / FILES[0])
    with understanding(folder / FILES[1]):
        name = str(description["model"])
        arguments = {**description["model_args"], "num_classes": int(description["num_classes"])}
        boundaries = tuple(str(each) for each in description["boundaries"])
        mean, std = ([float(value) for value in description[part]] for part in ("mean", "std"))
        height, width = (int(side) for side in description["input_size"])
        sizes = [(int(rows), int(columns)) for rows, columns in description.get("feature_sizes", ())]
    model = _create(name, arguments)
    load_weights(model, weights, str(folder / FILES[0]))
    require_modules(model, boundaries)
    layouts = layouts_of(model, boundaries, (height, width), in_chans=len(mean), sizes=sizes)
    return Teacher(
        model,
        boundaries,
        mean=mean,
        std=std,
        input_size=(height, width),
        frozen=not learns,
        detach_boundaries=learns,
        layouts=layouts,
    )


def input_size_of(config: TeacherConfig) -> int:
    """Return the native image size of a timm model, in pixels."""
    if "img_size" in config.model_args:
        return int(config.model_args["img_size"])
    require_known_model(config.model)
    described = timm.get_pretrained_cfg(config.model)
    return int(described.input_size[-1]) if described is not None else 224


def normalization_of(config: TeacherConfig) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation of the teacher's input normalisation, without loading weights."""
    return _normalization(_create(config.model, dict(config.model_args)), int(config.model_args.get("in_chans", 3)))


def count_teacher(teacher: Teacher, image_size: int) -> dict[str, int]:
    """Return the resources of the whole teacher for one image, attention included, by the names used in searches."""
    return _resources(teacher.model, (teacher.mean.shape[1], image_size, image_size))


def _resources(model: nn.Module, shape: tuple[int, int, int]) -> dict[str, int]:
    return count_all(copy.deepcopy(model).to("meta"), (1, *shape)).resources  # a `meta_copy` would store attention


def _without_weights(config: TeacherConfig, num_classes: int | None) -> nn.Module:
    """Return a teacher's network with any weights, for so many classes of the images; see `sketch_teacher`."""
    arguments = dict(config.model_args)
    if config.weights not in ("hub", "package") and num_classes is not None:
        arguments = {"num_classes": num_classes, **arguments}
    model = _create(config.model, arguments)
    if Path(config.weights).is_file() and "num_classes" not in config.model_args:
        found = read_weights(Path(config.weights), model.state_dict().keys())
        if (outputs := classes_in(found.tensors, model)) not in (None, getattr(model, "num_classes", None)):
            model = _create(config.model, {**arguments, "num_classes": outputs})
    return model


def _with_weights(config: TeacherConfig, num_classes: int, seed: int) -> tuple[nn.Module, str]:
    """Return the network and the source of its weights in words, empty for a random start."""
    arguments = dict(config.model_args)
    if config.weights == "hub":
        model = _create(config.model, {**arguments, "pretrained": True})
        return model, hub_text(model)
    if config.weights == "package":
        if config.model.partition(".")[0] != PACKAGED_MODEL:
            raise TeacherError(
                f"teacher.weights=package has weights of {PACKAGED_MODEL} only; teacher.model is {config.model}"
            )
        model = _create(config.model, arguments)
        return model, load_package(model)
    if config.weights:
        model = _create(config.model, {"num_classes": num_classes, **arguments})
        found = read_weights(Path(config.weights), model.state_dict().keys())
        outputs = classes_in(found.tensors, model)
        if outputs not in (None, num_classes) and "num_classes" not in arguments:
            model = _create(config.model, {"num_classes": outputs, **arguments})
        load_weights(model, found.tensors, found.title)
        return model, found.summary
    return build_seeded(lambda: _create(config.model, {"num_classes": num_classes, **arguments}), (seed, 0)), ""


def _create(name: str, arguments: Mapping[str, Any]) -> Any:
    return create_model(
        name,
        arguments,
        title=f"the teacher {name!r} with {dict(arguments)}",
        error=TeacherError,
        hint="timm's weights need a network connection to the Hugging Face hub",
    )


def _normalization(model: nn.Module, in_chans: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the network's mean and standard deviation; their average for another number of channels."""
    described = resolve_data_config({}, model=model)
    mean, std = tuple(described["mean"]), tuple(described["std"])
    if len(mean) != in_chans:
        mean, std = (sum(mean) / len(mean),) * in_chans, (sum(std) / len(std),) * in_chans
    return mean, std


def _check_sizes(teacher: Teacher, strides: Sequence[int]) -> None:
    """Raise `TeacherError` if a boundary's feature map cannot be compared with the output of the student's block.

    It can if whole windows of one grid make the other. It must not be the coarser one, but for the last block: the next
    block takes it as its input, and nothing is upsampled.
    """
    height, width = teacher.input_size
    for number, (name, stride, found) in enumerate(
        zip(teacher.boundaries, strides, teacher.feature_sizes, strict=True), start=1
    ):
        grid = grid_of(teacher.input_size, stride)
        if whole_ratio(found, grid) or (number == len(strides) and whole_ratio(grid, found)):
            continue
        upsampled = whole_ratio(grid, found) is not None
        why = "nothing is upsampled" if upsampled else "whole windows of neither grid make the other"
        raise TeacherError(
            f"boundary {name!r} has features of {found[0]} x {found[1]} pixels, but block {number} of the space (stride "
            f"{stride}) has {grid[0]} x {grid[1]} for images of {height} x {width}, and {why}; choose "
            f"{'a finer' if upsampled else 'another'} boundary or other strides"
        )
