"""Checkpoints: the state of a job in one file, written whole or not at all; no pickled code is executed."""

import pickle
from pathlib import Path
from typing import Any

import torch

from helixnas.artifacts.files import damaged, write_atomically


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write a state of tensors and plain values to one file."""
    write_atomically(path, lambda temporary: _save(state, temporary))


def load_checkpoint(path: Path, device: torch.device) -> dict[str, Any]:
    """Read a checkpoint onto `device`; raises `ArtifactError` if it is damaged or holds more than tensors and plain values."""
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except (RuntimeError, EOFError, OSError, pickle.UnpicklingError, ValueError, KeyError) as error:
        raise damaged(path, error) from error


def _save(state: dict[str, Any], path: Path) -> None:
    try:
        torch.save(state, path)
    except RuntimeError as error:  # torch reports a full disk as a failed write of its archive
        raise OSError(28, str(error)) from error
