"""A folder's network, built again, draws what it drew in training."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from helixnas.cli import main
from helixnas.engine import Runtime
from helixnas.engine.config import FitConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, DataError
from helixnas.models.opening import OpenedModel
from helixnas.transfer.config import DetectorConfig, TransferConfig
from helixnas.transfer.prediction import load_network, predict
from helixnas.transfer.record import TransferFolder
from helixnas.transfer.training import transfer

QUICK = FitConfig(num_epochs=1, batch_size=2, warmup_epochs=0.0)
DETECTOR = DetectorConfig(max_size=64, num_proposals=20, num_test_proposals=10, num_regions=8, anchor_sizes=(24,))


@pytest.mark.parametrize("task", ["segmentation", "detection"])
def test_a_folder_is_enough_to_predict(
    task: str, request: pytest.FixtureRequest, opened: Callable[[], OpenedModel], tmp_path: Path, runtime: Runtime
) -> None:
    root = request.getfixturevalue("masks" if task == "segmentation" else "objects")
    folder, out = TransferFolder(tmp_path / "net"), tmp_path / "drawn"
    config = TransferConfig(task=task, image_size=48, fit=QUICK, detector=DETECTOR)
    transfer(opened(), root, config, out=folder.path, runtime=runtime, reporter=Reporter(), seed=0)
    number = predict(folder, root / "JPEGImages", out, runtime=runtime, reporter=Reporter())
    assert number == len(list(out.glob("*.jpg"))) == 9
    again = np.asarray(Image.open(out / "val1.jpg"), np.int64)
    row = np.asarray(Image.open(folder.pictures / "val1.jpg"), np.int64)
    assert again.shape == (48, 64, 3)
    assert np.abs(row[:, -64:] - again).mean() < 3  # the same picture, compressed twice
    assert not load_network(folder).eval().training
    (root / "JPEGImages/val1.png").write_bytes((root / "JPEGImages/val1.jpg").read_bytes())
    with pytest.raises(DataError, match="two images of .* are named val1; rename one"):
        predict(folder, root / "JPEGImages", out, runtime=runtime, reporter=Reporter())
    with pytest.raises(DataError, match="there are no images in"):
        predict(folder, root / "ImageSets", out, runtime=runtime, reporter=Reporter())
    torch.save({}, folder.weights)
    with pytest.raises(ArtifactError, match=r"model\.safetensors is truncated or damaged"):
        load_network(folder)


def test_a_folder_that_is_not_finished_is_named(tmp_path: Path, runtime: Runtime) -> None:
    with pytest.raises(ArtifactError, match="holds no finished transfer"):
        predict(TransferFolder(tmp_path), tmp_path, tmp_path / "out", runtime=runtime, reporter=Reporter())


def test_pictures_never_replace_the_images(tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "photos/a.jpg")
    before = (tmp_path / "photos/a.jpg").read_bytes()
    settings = {"settings": {}, "mean": (0.5,) * 3, "std": (0.5,) * 3, "class_names": ("a",)}
    monkeypatch.setattr(TransferFolder, "load", lambda self: SimpleNamespace(**settings))
    for images in (Path("photos"), Path("photos/a.jpg")):
        with pytest.raises(
            DataError, match="photos is the folder of the images, which pictures of the same name would"
        ):
            predict(TransferFolder(tmp_path), images, tmp_path / "photos", runtime=runtime, reporter=Reporter())
    with pytest.raises(DataError, match="there is no image or folder gone"):
        predict(TransferFolder(tmp_path), Path("gone"), tmp_path / "out", runtime=runtime, reporter=Reporter())
    assert (tmp_path / "photos/a.jpg").read_bytes() == before


def test_the_command_line_trains_and_predicts(
    masks: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quick = [
        "--image-size",
        "32",
        "--num-epochs",
        "1",
        "--batch-size",
        "2",
        "--evaluation-split",
        "val",
        "--device",
        "cpu",
    ]
    words = [
        "transfer",
        "test_efficientnet",
        "--weights",
        "none",
        "--task",
        "segmentation",
        "--data",
        str(masks),
        *quick,
    ]
    assert main(words) == 0
    said = capsys.readouterr().out
    folder = "transferred/test_efficientnet-camvid"
    assert f"written: {folder}; report: {folder}/report.html (helixnas predict {folder} IMAGES)" in said
    assert "mean IoU" in said
    assert main(["predict", folder, str(masks / "JPEGImages/val0.jpg"), "--device", "cpu"]) == 0
    assert f"1 picture written: {folder}/predictions" in capsys.readouterr().out
    assert main(words) == 0
    assert f"{folder}: done already" in capsys.readouterr().out
