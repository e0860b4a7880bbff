"""Model folders: weights, architecture and input description of a network."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import nn

from helixnas.artifacts.files import damaged, read_json, read_text, write_json, write_text
from helixnas.errors import ArtifactError, ConfigError, SpaceError, UnknownNameError
from helixnas.nn import build_seeded, load_saved_weights, not_finite, save_weights
from helixnas.retrain.config import RetrainConfig
from helixnas.space import Architecture
from helixnas.zoo import HELIXNAS, create_model

WEIGHTS, ARCHITECTURE, INPUT = "model.safetensors", "architecture.json", "input.json"
"""Files of a model folder."""


def build_model(
    architecture: Architecture,
    *,
    num_classes: int,
    image_size: int,
    mean: Sequence[float],
    std: Sequence[float],
    config: RetrainConfig,
    seed: int,
    class_names: Sequence[str] = (),
) -> nn.Module:
    """Build the network with initial weights that depend only on `seed`; `mean` and `std` normalise its images."""
    overlay = {
        "num_classes": num_classes,
        "label_names": tuple(class_names),
        "input_size": (3, image_size, image_size),
        "mean": tuple(mean),
        "std": tuple(std),
    }
    arguments = {
        "arch": architecture,
        "num_classes": num_classes,
        "drop_rate": config.drop_rate,
        "drop_path_rate": config.drop_path_rate,
        "pretrained_cfg_overlay": overlay,
    }
    return build_seeded(
        lambda: create_model(HELIXNAS, arguments, title=f"the network {architecture.text!r}", error=ConfigError),
        (seed,),
    )


def save_model(model: nn.Module, folder: Path) -> tuple[str, ...]:
    """Write a model folder, each file whole or not at all; return the file names."""
    config: Any = model.pretrained_cfg
    architecture = model.architecture
    assert isinstance(architecture, Architecture)
    save_weights(folder / WEIGHTS, model.state_dict())
    write_text(folder / ARCHITECTURE, architecture.to_json())
    fields = ("num_classes", "label_names", "input_size", "mean", "std", "crop_pct", "interpolation")
    write_json(folder / INPUT, {name: config[name] for name in fields if config.get(name)})
    return WEIGHTS, ARCHITECTURE, INPUT


def load_model(folder: Path) -> nn.Module:
    """Load the model of a folder, in eval mode; raises `ArtifactError` if a file is damaged or the files do not fit."""
    try:
        architecture = Architecture.from_json(read_text(folder / ARCHITECTURE))
    except (SpaceError, UnknownNameError) as error:
        raise damaged(folder / ARCHITECTURE, error) from error
    description = read_json(folder / INPUT)
    if not isinstance(description, dict) or "num_classes" not in description:
        raise damaged(folder / INPUT, ValueError("num_classes is missing"))
    overlay = {name: tuple(value) if isinstance(value, list) else value for name, value in description.items()}
    arguments = {"arch": architecture, "num_classes": overlay["num_classes"], "pretrained_cfg_overlay": overlay}
    model = create_model(HELIXNAS, arguments, title=f"the model in {folder}", error=ArtifactError)
    weights = load_saved_weights(folder / WEIGHTS)
    own = model.state_dict()
    odd = sorted(own.keys() ^ weights.keys()) or [name for name in own if own[name].shape != weights[name].shape]
    if odd and {*odd} <= {"classifier.weight", "classifier.bias"} and {*odd} <= own.keys() & weights.keys():
        raise ArtifactError(
            f"{folder / WEIGHTS} has {len(weights[odd[-1]]):,} classes and {INPUT} says {len(own[odd[-1]]):,}; they belong "
            "to different models"
        )
    if odd:
        raise ArtifactError(
            f"{folder / WEIGHTS} belongs to another architecture than {ARCHITECTURE}: {len(odd)} tensors differ in "
            f"name or shape, first {odd[0]}"
        )
    if wrong := not_finite(weights, own):
        raise ArtifactError(f"{folder / WEIGHTS} holds {wrong}; retrain the network")
    model.load_state_dict(weights)
    return model.eval()
