import json
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from helixnas.errors import ArtifactError, ExportError
from helixnas.export import export_timm

SHOWN = {"crop_pct": 1.0, "interpolation": "bilinear"}


def test_timm_builds_the_model_from_the_folder_alone(model: nn.Module, images: Tensor, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    names = ("cat", "dog", "eel")
    parity = export_timm(
        model, folder, images, card="# mine\n", shown=SHOWN, class_names=names, files={"certificate.json": "{}"}
    )
    assert parity.largest_difference == 0.0
    assert sorted(each.name for each in folder.iterdir()) == [
        "README.md",
        "certificate.json",
        "config.json",
        "model.safetensors",
    ]
    found = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    assert torch.equal(found(images), model(images))
    described = timm.data.resolve_data_config({}, model=found)
    assert (described["input_size"], described["crop_pct"]) == ((3, 32, 32), 1.0)
    assert found.pretrained_cfg["label_names"] == list(names)
    assert (folder / "README.md").read_text() == "# mine\n"


def test_the_folder_is_a_start_for_other_classes_and_for_features(
    model: nn.Module, images: Tensor, tmp_path: Path
) -> None:
    export_timm(model, tmp_path / "mine", images, card="", shown=SHOWN)
    other = timm.create_model(f"local-dir:{tmp_path / 'mine'}", pretrained=True, num_classes=7).eval()
    assert other(images).shape == (8, 7)
    assert torch.equal(other.forward_features(images), model.forward_features(images))
    features = timm.create_model(f"local-dir:{tmp_path / 'mine'}", pretrained=True, features_only=True).eval()
    assert torch.equal(features(images)[-1], model.forward_intermediates(images)[1][-1])


def test_a_model_of_timm_gets_its_folder_too(images: Tensor, tmp_path: Path) -> None:
    model = timm.create_model("test_efficientnet", num_classes=3).eval()
    assert export_timm(model, tmp_path / "it", images, card="", shown={}).largest_difference == 0.0
    assert json.loads((tmp_path / "it" / "config.json").read_text())["architecture"] == "test_efficientnet"


def test_a_model_whose_layers_share_weights_gets_its_folder_too(tmp_path: Path) -> None:
    model = timm.create_model("coat_lite_tiny", num_classes=3, img_size=32).eval()
    assert len(list(model.parameters())) < len(model.state_dict())
    images = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert export_timm(model, tmp_path / "it", images, card="", shown={}).largest_difference == 0.0


def test_what_else_is_in_the_folder_stays(model: nn.Module, images: Tensor, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "notes.txt").write_text("keep me")
    (folder / "config.json").write_text("old")
    export_timm(model, folder, images, card="", shown=SHOWN)
    assert (folder / "notes.txt").read_text() == "keep me"
    assert json.loads((folder / "config.json").read_text())["architecture"] == "helixnas"
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]


def test_a_file_in_the_place_of_the_folder_is_refused(model: nn.Module, images: Tensor, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(ExportError, match="mine is a file; the format timm needs a folder"):
        export_timm(model, tmp_path / "mine", images, card="", shown=SHOWN)


def test_a_full_disk_leaves_what_was_there(
    model: nn.Module, images: Tensor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    export_timm(model, tmp_path / "mine", images, card="first", shown=SHOWN)

    def fail(*words: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("helixnas.export.timm_folder.save_for_hf", fail)
    with pytest.raises(ArtifactError, match="the disk is full"):
        export_timm(model, tmp_path / "mine", images, card="second", shown=SHOWN)
    assert (tmp_path / "mine" / "README.md").read_text() == "first"
    assert [each.name for each in tmp_path.iterdir()] == ["mine"]
