"""A folder's network, built again, draws what it drew in training."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from helixnas.artifacts.files import write_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.engine import Runtime
from helixnas.engine.config import FitConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, DataError
from helixnas.models.opening import OpenedModel
from helixnas.nn import operations
from helixnas.nn.extensions import import_modules
from helixnas.space import Architecture, Head, Operation, Stage
from helixnas.space import Path as OfLayers
from helixnas.transfer.config import DetectorConfig, TransferConfig
from helixnas.transfer.prediction import load_network, predict
from helixnas.transfer.record import TransferFolder
from helixnas.transfer.training import transfer
from helixnas.zoo import HELIXNAS

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


OWN = """
from torch import nn
from helixnas.nn import register_operation

@register_operation("of_the_user")
def of_the_user(operation, place):
    return nn.Conv2d(place.in_width, place.out_width, 3, stride=place.stride, padding=1, bias=False)
"""


def test_a_network_of_the_user_s_own_operations_predicts_in_another_process(
    masks: Path, tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_BUILDERS", dict(operations._BUILDERS))
    (tmp_path / "own_layers.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    import_modules(["own_layers.py"])
    run = RunFolder(tmp_path / "run")
    run.path.mkdir()
    write_text(run.config, "imports: [own_layers.py]")
    stages = tuple(Stage(2, OfLayers(8, (Operation.of("own", kind="of_the_user"),))) for _ in range(5))
    model = timm.create_model(HELIXNAS, arch=Architecture(stages[:1], stages[1:], Head(0))).eval()
    folder, config = TransferFolder(tmp_path / "net"), TransferConfig(image_size=48, fit=QUICK)
    opened = OpenedModel(model=model, name="own", trained=True, run=run)
    transfer(opened, masks, config, out=folder.path, runtime=runtime, reporter=Reporter(), seed=0)
    assert folder.load().imports == (str(tmp_path / "own_layers.py"),)
    del operations._BUILDERS["of_the_user"], sys.modules["own_layers"]
    monkeypatch.chdir(masks)
    assert predict(folder, masks / "JPEGImages", tmp_path / "drawn", runtime=runtime, reporter=Reporter()) == 9


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
