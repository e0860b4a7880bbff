"""Weights come back as they were saved, and a damaged file is one sentence."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from torch import nn

from helixnas.errors import ArtifactError
from helixnas.nn import load_saved_weights, not_finite, save_weights


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    layer = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]
    save_weights(tmp_path / "w.safetensors", layer.state_dict())
    found = load_saved_weights(tmp_path / "w.safetensors")
    assert list(found) == ["bias", "weight"]
    assert all(torch.equal(found[name], tensor) for name, tensor in layer.state_dict().items())
    with safe_open(tmp_path / "w.safetensors", "pt") as file:  # what the Hugging Face hub expects
        assert file.metadata() == {"format": "pt"}


def test_tensors_that_share_memory_are_written_each(tmp_path: Path) -> None:
    whole = torch.arange(6.0)
    save_weights(
        tmp_path / "w.safetensors", {"one": whole, "tied": whole, "part": whole[2:], "row": whole[:1].expand(3)}
    )
    found = load_saved_weights(tmp_path / "w.safetensors")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        "one": [0, 1, 2, 3, 4, 5],
        "tied": [0, 1, 2, 3, 4, 5],
        "part": [2, 3, 4, 5],
        "row": [0, 0, 0],
    }


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


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_tensor_with_values_that_are_not_finite_is_named(value: float) -> None:
    own = nn.Linear(2, 3).state_dict()
    weights = {name: tensor.clone() for name, tensor in own.items()}
    assert not_finite(weights, own) == ""
    weights["weight"][1] = value
    assert not_finite(weights, own) == "NaN or infinite values in weight (2 of 6)"
    weights["bias"][0] = value
    assert not_finite(weights, own) == "NaN or infinite values in weight (2 of 6) and 1 more"


def test_values_too_large_for_the_type_of_the_model_are_infinite() -> None:
    own = {"weight": torch.zeros(3)}
    assert not_finite({"weight": torch.tensor([1.0, 1e300, 2.0], dtype=torch.float64)}, own) != ""
    assert not_finite({"weight": torch.tensor([1.0, 1e30, 2.0], dtype=torch.float64)}, own) == ""


def test_a_mask_of_infinite_values_that_the_model_holds_too_is_no_fault() -> None:
    mask = {"mask": torch.tensor([0.0, -torch.inf])}
    assert not_finite(mask, {"mask": mask["mask"].clone()}) == ""
    assert not_finite({"mask": torch.tensor([0.0, torch.inf])}, mask) != ""
