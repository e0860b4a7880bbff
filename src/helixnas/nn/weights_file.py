"""Weights as a safetensors file, and the check that they are finite numbers."""

from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from helixnas.artifacts.files import damaged, write_atomically


def save_weights(path: Path, weights: Mapping[str, Tensor], *, key: str = "") -> None:
    """Write a state dict to a safetensors file, whole or not at all, with the `key` of its stage in the metadata.

    The metadata has one entry, since safetensors writes several in random order. Python writes the bytes, since
    safetensors would give the file mode 0600 and report a full disk by an error of its own. Tensors that share memory are
    written one by one: the format does not allow it otherwise. Raises `ArtifactError` if the folder cannot be written or the
    disk is full.
    """
    contents = save(apart(weights), {"key": key} if key else {"format": "pt"})
    write_atomically(path, lambda temporary: _write(temporary, contents))


def apart(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return contiguous tensors of which none share memory: of those that do, all but the first are copied.

    >>> import torch
    >>> tied = torch.ones(2, 3)
    >>> first, second = apart({"query": tied, "key": tied}).values()
    >>> first is tied, second.equal(tied), second.data_ptr() == tied.data_ptr()
    (True, True, False)
    """
    state, seen = dict[str, Tensor](), set[int]()
    for name, tensor in weights.items():
        dense = tensor.contiguous()
        memory = dense.untyped_storage().data_ptr()
        state[name] = dense.clone() if memory in seen else dense
        seen.add(memory)
    return state


def load_saved_weights(path: Path) -> dict[str, Tensor]:
    """Read a state dict; raises `ArtifactError` if the file is missing, truncated or damaged."""
    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from error


def not_finite(weights: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> str:
    """Return a clause that names the first tensor with NaN or infinite values where the model's `own` has others; else "".

    A model may hold infinite values itself, such as an attention mask. Values too large for the model's type are infinite.
    """
    found: list[tuple[str, int]] = []
    for name, tensor in weights.items():
        held = own.get(name)
        if held is None or not held.is_floating_point() or held.shape != tensor.shape:
            continue
        values = tensor.to(held.device, held.dtype).float()
        wrong = ~(values.isfinite() | (values == held.float()))
        if bool(wrong.any()):
            found.append((name, int(wrong.sum())))
    if not found:
        return ""
    name, number = found[0]
    others = f" and {len(found) - 1:,} more" if len(found) > 1 else ""
    return f"NaN or infinite values in {name} ({number:,} of {own[name].numel():,}){others}"


def _write(path: Path, contents: bytes) -> None:
    path.write_bytes(contents)
