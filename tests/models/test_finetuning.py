"""A finished model on other images: a folder that opens anywhere, resumable, or one sentence and nothing written."""

import hashlib
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from helixnas.artifacts.files import read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.settings import read_training
from helixnas.cli.shipped import shipped_recipes
from helixnas.data import DataConfig
from helixnas.engine import FitConfig, Runtime, RuntimeConfig
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, ConfigError, DataError, Interrupted
from helixnas.models.finetuning import RECORD, _finished, finetune
from helixnas.models.opening import OpenedModel, open_model
from helixnas.models.validation import data_for, validate
from helixnas.retrain import FinetuneConfig

QUICK = FinetuneConfig(fit=FitConfig(num_epochs=1, batch_size=64, lr=0.004), augmentation="shift")
DIGITS = DataConfig(name="digits")


def tune(opened: OpenedModel, out: Path, config: FinetuneConfig = QUICK, data: DataConfig = DIGITS) -> dict[str, Any]:
    runtime = Runtime(RuntimeConfig(device="cpu", num_threads=1))
    return finetune(opened, data, config, out=out, runtime=runtime, reporter=Reporter(), seed=0)


def small(**settings: Any) -> OpenedModel:
    torch.manual_seed(0)
    model = timm.create_model("test_efficientnet", num_classes=7, **settings).eval()
    return OpenedModel(model=model, name="test_efficientnet", trained=True)


def contents(folder: Path) -> dict[str, str]:
    files = [file for file in folder.rglob("*") if file.is_file() and not file.name.startswith(".lock")]
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_a_searched_network_is_tuned_into_a_folder_that_opens_anywhere(finished: RunFolder, tmp_path: Path) -> None:
    figures = tune(open_model(str(finished.path)), tmp_path / "tuned")
    assert set(contents(tmp_path / "tuned")) == {
        "README.md", "architecture.json", "config.json", "finetune.json", "model.safetensors",
    }  # fmt: skip
    found = open_model(str(tmp_path / "tuned"))
    assert timm.create_model(f"local-dir:{tmp_path / 'tuned'}", pretrained=True).num_classes == 10
    images = data_for(found, "digits")
    runtime = Runtime(RuntimeConfig(device="cpu", num_threads=1))
    assert found.shown["crop_pct"] == 1.0
    assert 0 < validate(found, images, runtime=runtime).top1 < 1
    card = (tmp_path / "tuned" / "README.md").read_text()
    for line in (
        "# finished-small on digits",
        "| fine-tuned from | finished-small |",
        f"| top-1 | {figures['accuracy']:.2%} (95 % interval over the choice of images: ",
    ):
        assert line in card
    assert read_json(tmp_path / "tuned" / "finetune.json")["figures"] == figures


@pytest.mark.slow
def test_a_folder_that_is_finished_is_not_made_again_and_never_overwritten(tmp_path: Path) -> None:
    figures = tune(small(), tmp_path / "tuned", replace(QUICK, image_size=16))
    before = contents(tmp_path / "tuned")
    others = replace(DIGITS, num_workers=1, cache=False, download=True)  # the same images, read in another way
    assert tune(small(), tmp_path / "tuned", replace(QUICK, image_size=16), others) == figures
    with pytest.raises(
        ArtifactError, match="holds a model that was fine-tuned with other settings; choose another --out"
    ):
        tune(small(), tmp_path / "tuned", replace(QUICK, image_size=24))
    (tmp_path / "tuned" / "finetune.json").unlink()
    with pytest.raises(ArtifactError, match="holds a model that was not fine-tuned here; choose another --out"):
        tune(small(), tmp_path / "tuned", replace(QUICK, image_size=16))
    del before["finetune.json"]
    assert contents(tmp_path / "tuned") == before


@pytest.mark.slow
def test_a_training_that_was_stopped_goes_on_to_the_same_model(
    tmp_path: Path, stopped_after: Callable[[int], AbstractContextManager[None]]
) -> None:
    config = replace(QUICK, image_size=16, fit=replace(QUICK.fit, ema_decay=0.5))
    whole = tune(small(), tmp_path / "whole", config)
    with stopped_after(5), pytest.raises(Interrupted):
        tune(small(), tmp_path / "tuned", config)
    assert set(contents(tmp_path / "tuned")) == {"checkpoints/finetune.pt"}
    assert tune(small(), tmp_path / "tuned", config) == whole
    assert "raw_accuracy" in whole
    assert contents(tmp_path / "tuned") == contents(tmp_path / "whole")


@pytest.mark.slow
@pytest.mark.parametrize("name", shipped_recipes("fine-tuning recipe"))
def test_every_fine_tuning_recipe_runs_small(name: str, tmp_path: Path) -> None:
    config: FinetuneConfig = read_training(name, FinetuneConfig, "fine-tuning recipe")
    part = 32 if config.fit.microbatch_size else 0
    fit = replace(config.fit, num_epochs=1, batch_size=64, microbatch_size=part)
    assert tune(small(), tmp_path / "tuned", replace(config, image_size=16, fit=fit))["num_images"] == 359


def test_the_papers_protocol_is_that_of_its_recipe() -> None:
    config: FinetuneConfig = read_training("cifar", FinetuneConfig, "fine-tuning recipe")
    fit = config.fit
    assert (config.image_size, fit.batch_size, fit.optimizer, fit.lr, fit.num_epochs) == (
        224,
        1024,
        "momentum",
        0.06,
        80,
    )


def test_images_without_labels_are_refused_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number in range(4):
        pixels = np.random.default_rng(number).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    with pytest.raises(DataError, match="fine-tuning needs labels, and the training images of .*photos have none"):
        tune(small(), tmp_path / "tuned", data=DataConfig(root=str(tmp_path / "photos")))
    assert not (tmp_path / "tuned").exists()


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            replace(QUICK, fit=FitConfig(batch_size=2048)),
            "training the model is 2048, but there are only 1438 training images",
        ),
        (
            replace(QUICK, image_size=24),
            r"test_vit does not accept images of 24 pixels: .*; choose another --image-size",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused_and_nothing_is_written(
    tmp_path: Path, config: FinetuneConfig, message: str
) -> None:
    model = timm.create_model("test_vit", num_classes=7).eval()
    opened = OpenedModel(model=model, name="test_vit", trained=True)
    with pytest.raises(ConfigError, match=message):
        tune(opened, tmp_path / "tuned", config)
    assert not (tmp_path / "tuned").exists()


def test_a_network_without_a_classifier_of_timms_kind_is_refused(tmp_path: Path) -> None:
    opened = small()
    plain = torch.nn.Sequential(opened.model)
    plain.pretrained_cfg = opened.model.pretrained_cfg  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="the classifier of mine cannot be replaced: it has no reset_classifier"):
        tune(OpenedModel(model=plain, name="mine", trained=True), tmp_path / "tuned")


def test_the_folder_of_a_run_is_never_written_into(finished: RunFolder, tmp_path: Path) -> None:
    shutil.copytree(finished.path, tmp_path / "run")
    with pytest.raises(ArtifactError, match="holds a run; choose another --out for the fine-tuned model"):
        tune(small(), tmp_path / "run")


def test_single_images_of_one_pixel_are_refused_before_images_are_opened(tmp_path: Path) -> None:
    one = replace(QUICK, fit=FitConfig(batch_size=64, microbatch_size=1), image_size=32)
    with pytest.raises(ConfigError, match="single value per channel .*; raise --microbatch-size, or fit.batch_size"):
        tune(small(), tmp_path / "tuned", one, data=DataConfig(root="no/such/folder"))
    assert not (tmp_path / "tuned").exists()


def test_a_record_without_figures_is_named(tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text('{"key": "k"}')
    with pytest.raises(
        ArtifactError, match=r"finetune\.json is truncated or damaged \('figures'\); choose another --out"
    ):
        _finished(tmp_path, "k")
