"""Weights as a safetensors file."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from helixnas.artifacts.files import damaged, write_atomically


def save_weights(path: Path, weights: Mapping[str, Tensor]) -> None:
    """Write a state dict to a safetensors file, whole or not at all.

    Raises:
        ArtifactError: the folder cannot be written or the disk is full.
    """
    state = {name: tensor.contiguous() for name, tensor in weights.items()}
    write_atomically(path, lambda temporary: save_file(state, temporary, metadata={"format": "pt"}))


def load_saved_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict that `save_weights` wrote.

    Raises:
        ArtifactError: the file is missing, truncated or damaged.
    """
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error
