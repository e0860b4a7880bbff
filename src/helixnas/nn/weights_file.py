"""Weights as a safetensors file."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from helixnas.artifacts.files import damaged, write_atomically


def save_weights(path: Path, weights: Mapping[str, Tensor], *, key: str = "") -> None:
    """Write a state dict to a safetensors file, whole or not at all, with the `key` of its stage in the metadata.

    The metadata has one entry, since safetensors writes several in random order. Python writes the bytes, since
    safetensors would give the file mode 0600 and report a full disk by an error of its own. Raises `ArtifactError` if
    the folder cannot be written or the disk is full.
    """
    state = {name: tensor.contiguous() for name, tensor in weights.items()}
    contents = save(state, {"key": key} if key else {"format": "pt"})
    write_atomically(path, lambda temporary: _write(temporary, contents))


def load_saved_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict; raises `ArtifactError` if the file is missing, truncated or damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error


def _write(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
