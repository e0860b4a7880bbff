"""Weights as a safetensors file."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from helixnas.artifacts.files import damaged, write_atomically


def save_weights(path: Path, weights: Mapping[str, Tensor], *, metadata: Mapping[str, str] | None = None) -> None:
    """Write a state dict to a safetensors file with `metadata`, whole or not at all.

    Python writes the bytes: safetensors' own writer gives the file mode 0600 and reports a full disk as its own error.

    Raises:
        ArtifactError: the folder cannot be written or the disk is full.
    """
    state = {name: tensor.contiguous() for name, tensor in weights.items()}
    contents = save(state, {"format": "pt", **(metadata or {})})
    write_atomically(path, lambda temporary: _write(temporary, contents))


def load_saved_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict; raises `ArtifactError` if the file is missing, truncated or damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error


def _write(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
