"""A model learns to segment and to detect, resumably, and leaves a folder that can be used."""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from helixnas.engine import Runtime
from helixnas.engine.config import FitConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, DataError, Interrupted
from helixnas.models.opening import OpenedModel
from helixnas.nn import load_saved_weights
from helixnas.transfer.config import DetectorConfig, TransferConfig
from helixnas.transfer.scenes.reading import open_scenes
from helixnas.transfer.scenes.scene import Scenes
from helixnas.transfer.training import transfer

QUICK = FitConfig(num_epochs=2, batch_size=2, lr=0.003, warmup_epochs=0.0, weight_decay=0.0)
SEGMENTATION = TransferConfig(image_size=32, scales=(1.0, 1.0), fit=QUICK)
DETECTION = TransferConfig(
    task="detection",
    image_size=48,
    detector=DetectorConfig(max_size=64, num_proposals=50, num_test_proposals=20, num_regions=16, anchor_sizes=(24,)),
    fit=QUICK,
)
Opened = Callable[[], OpenedModel]


def tuned(opened: OpenedModel, root: Path, config: TransferConfig, out: Path, runtime: Runtime, **more: Any) -> Any:
    settings = {"reporter": Reporter(), "seed": 0, **more}
    return transfer(opened, root, config, out=out, runtime=runtime, **settings)


class StopsAfter(Reporter):
    """Asks to stop after some steps of the training."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    @contextmanager
    def progress(self, title: str, total: int) -> Iterator[Any]:
        def advance(done: int, note: str = "", *, total: int | None = None) -> None:
            if done == self.steps:
                import os
                import signal

                os.kill(os.getpid(), signal.SIGTERM)

        yield advance


def test_a_segmenter_is_trained_and_left_in_a_folder(
    masks: Path, opened: Opened, tmp_path: Path, runtime: Runtime
) -> None:
    out = tmp_path / "out"
    config = replace(SEGMENTATION, fit=replace(QUICK, num_epochs=8))
    figures = tuned(opened(), masks, config, out, runtime)
    assert figures["miou"] > 0.6
    assert figures["class_iou"].keys() == {"dark", "bright"}
    assert json.loads((out / "metrics.json").read_text()) == figures
    assert {path.name for path in (out / "pictures").iterdir()} == {"val0.jpg", "val1.jpg", "val2.jpg"}
    assert (out / "report.html").read_text().count("data:image/jpeg") == 3
    assert not (out / "checkpoints").exists()
    assert tuned(opened(), masks, replace(config, num_workers=1), out, runtime) == figures  # done already
    with pytest.raises(ArtifactError, match="transferred with other settings or images; choose another --out"):
        tuned(opened(), masks, config, out, runtime, seed=1)


def test_another_data_set_of_the_same_name_is_not_done_already(
    masks: Path, opened: Opened, tmp_path: Path, runtime: Runtime
) -> None:
    out, other = tmp_path / "out", tmp_path / "other" / masks.name
    config = replace(SEGMENTATION, fit=replace(QUICK, num_epochs=1))
    figures = tuned(opened(), masks, config, out, runtime)
    shutil.copytree(masks, other)  # keeps the times of the files
    assert tuned(opened(), other, config, out, runtime) == figures
    Image.new("RGB", (64, 48), "green").save(other / "JPEGImages/train0.jpg")
    with pytest.raises(ArtifactError, match="transferred with other settings or images; choose another --out"):
        tuned(opened(), other, config, out, runtime)


@pytest.mark.slow
@pytest.mark.parametrize("config", [SEGMENTATION, DETECTION], ids=lambda config: config.task)
def test_an_interrupted_training_resumes_to_the_same_weights(
    config: TransferConfig, request: pytest.FixtureRequest, opened: Opened, tmp_path: Path, runtime: Runtime
) -> None:
    root = request.getfixturevalue("masks" if config.task == "segmentation" else "objects")
    whole = tuned(opened(), root, config, tmp_path / "whole", runtime)
    with pytest.raises(Interrupted):
        tuned(opened(), root, config, tmp_path / "parts", runtime, reporter=StopsAfter(2))
    assert not (tmp_path / "parts/transfer.json").exists()
    parts = tuned(opened(), root, config, tmp_path / "parts", runtime)
    one, two = (load_saved_weights(tmp_path / name / "model.safetensors") for name in ("whole", "parts"))
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    timing = ("seconds", "core_seconds")
    assert {key: whole[key] for key in whole if key not in timing} == {
        key: parts[key] for key in parts if key not in timing
    }


def test_boxes_that_are_left_out_are_told_once(
    objects: Path, opened: Opened, tmp_path: Path, runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    reporter = Reporter()
    monkeypatch.setattr(reporter, "say", said.append)

    def open_flat(root: Path, *, task: str, split: str) -> Scenes:
        return replace(open_scenes(root, task=task, split=split), left_out=2 if split == "train" else 0)

    monkeypatch.setattr("helixnas.transfer.training.open_scenes", open_flat)
    tuned(opened(), objects, DETECTION, tmp_path / "out", runtime, reporter=reporter)
    assert said == ["squares (VOC, train): 2 boxes without area are left out"]


@pytest.mark.slow
def test_frozen_layers_stay_those_of_a_trained_model_alone(
    objects: Path, opened: Opened, tmp_path: Path, runtime: Runtime
) -> None:
    before = opened().model.state_dict()["conv_stem.weight"]
    for trained in (True, False):
        out = tmp_path / str(trained)
        tuned(replace(opened(), trained=trained), objects, DETECTION, out, runtime)
        after = load_saved_weights(out / "model.safetensors")["backbone.model.conv_stem.weight"]
        assert torch.equal(before, after) == trained


def test_what_cannot_be_trained_is_refused_before_anything_is_written(
    masks: Path, opened: Opened, tmp_path: Path, runtime: Runtime
) -> None:
    out = tmp_path / "out"
    for change, error, message in (
        ({"fit": replace(QUICK, batch_size=7)}, ConfigError, "training the segmenter is 7, .* only 6 training images"),
        ({"split": "gone"}, DataError, "has no split 'gone'; there are: train, val"),
    ):
        with pytest.raises(error, match=message):
            tuned(opened(), masks, replace(SEGMENTATION, **change), out, runtime)
    assert not out.exists()
