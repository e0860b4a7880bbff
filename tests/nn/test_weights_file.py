"""Weights come back as they were saved, and a damaged file is one sentence."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from helixnas.errors import ArtifactError
from helixnas.nn import load_saved_weights, save_weights


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    save_weights(tmp_path / "w.safetensors", layer.state_dict())
    found = load_saved_weights(tmp_path / "w.safetensors")
    assert list(found) == ["bias", "weight"]
    assert all(torch.equal(found[name], tensor) for name, tensor in layer.state_dict().items())
    with safe_open(tmp_path / "w.safetensors", "pt") as file:  # what the Hugging Face hub expects
        assert file.metadata() == {"format": "pt"}


def test_a_file_has_the_mode_of_every_other_file_and_carries_a_key(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("")
    save_weights(tmp_path / "w.safetensors", {"a": torch.zeros(2)}, key="k")
    assert (tmp_path / "w.safetensors").stat().st_mode == (tmp_path / "other").stat().st_mode
    with safe_open(tmp_path / "w.safetensors", "pt") as file:
        assert file.metadata() == {"key": "k"}


@pytest.mark.parametrize("content", [None, b"", b"no weights"])
def test_a_missing_or_damaged_file_is_named(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"w\.safetensors"):
        load_saved_weights(tmp_path / "w.safetensors")
