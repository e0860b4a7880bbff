"""`helixnas transfer` and `helixnas predict`: from arguments to files, or one sentence."""

import re
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.cli.commands.transfer import _out
from helixnas.cli.settings import read_training
from helixnas.cli.shipped import shipped_recipes
from helixnas.transfer.config import TransferConfig

FULL = {
    "voc12-deeplab": ("test_efficientnet", r"30,406: 46 epochs of 661"),
    "ade20k-aspp": ("test_efficientnet", r"160,401: 127 epochs of 1,263"),
    "ade20k-upernet": ("test_vit", r"160,401: 127 epochs of 1,263"),
    "coco-c4": ("test_efficientnet", r"88,704: 12 epochs of 7,392"),
}


def said(capsys: pytest.CaptureFixture[str]) -> str:
    return " ".join(re.sub("[│┌┐└┘─]", " ", capsys.readouterr().out).split())


@pytest.mark.parametrize("recipe", FULL)
def test_every_full_recipe_dry_runs_without_data(recipe: str, capsys: pytest.CaptureFixture[str]) -> None:
    model, steps = FULL[recipe]
    assert main(["transfer", model, "--weights", "none", "--recipe", recipe, "--dry-run"]) == 0
    text = said(capsys)
    assert re.search(steps, text)
    assert "of the published data set" in text
    assert re.search(r"memory about [\d.]+ GiB", text)
    assert re.search(r"the paper DNA-\S+ [\d.]+ % (mIoU|mAP)", text)


def test_the_paper_s_fine_tuning_dry_runs_without_data(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["finetune", "test_efficientnet", "--weights", "none", "--recipe", "cifar", "--dry-run", "--data"]
    assert main([*words, "torch/cifar100"]) == 0
    text = said(capsys)
    assert "3,840: 80 epochs of 48, 1024 images each" in text
    assert "DNA-c: 88.3 % on CIFAR-100" in text


@pytest.mark.parametrize(("recipe", "folder"), [("camvid", "camvid-voc"), ("bccd", "bccd-voc")])
def test_small_recipes_fit_their_data(
    recipe: str, folder: str, data_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--weights", "none", "--recipe", recipe, "--data", str(data_root / folder), "--dry-run"]
    assert main(["transfer", "test_efficientnet", *arguments]) == 0
    assert re.search(rf"training images \d+ of {folder} \(VOC, train", said(capsys))
    assert set(shipped_recipes("transfer recipe")) == {*FULL, "camvid", "bccd"}
    assert read_training(recipe, TransferConfig, "transfer recipe").paper == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "name the task (--task segmentation or detection) or a recipe"),
        (["--task", "detection"], "a transfer needs images: --data with a folder in the layout of"),
        (["--task", "detection", "--recipe", "camvid"], "the recipe camvid is for segmentation, not for detection"),
        (["--recipe", "bccd", "--head", "aspp"], "--head is for segmentation, and the recipe bccd is for detection"),
        (["--recipe", "cam", "--data", "x"], "unknown transfer recipe 'cam'; did you mean camvid"),
        (["--recipe", "bccd", "--data", "gone"], "there is no 'gone' in the current folder"),
        (
            ["--recipe", "cifar100", "--data", "x"],
            "cifar100 is no transfer recipe: its images have a class each, so use",
        ),
    ],
)
def test_bad_input_is_one_sentence(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["transfer", "test_efficientnet", "--weights", "none", *words]) == 2
    assert capsys.readouterr().err.startswith(f"helixnas: {message}")


def test_a_folder_without_a_transfer_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(tmp_path), str(tmp_path)]) == 2
    assert "holds no finished transfer (no transfer.json)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("weights", "seed", "name"),
    [
        ("", 0, "camvid"),
        ("inherited", 0, "camvid-inherited"),
        ("", 3, "camvid-seed-3"),
        ("inherited", 1, "camvid-inherited-seed-1"),
    ],
)
def test_variants_of_a_network_lie_side_by_side_where_the_report_of_the_run_links_to_them(
    weights: str, seed: int, name: str, tmp_path: Path
) -> None:
    options = Namespace(recipe="camvid", task="", weights=weights, seed=seed)
    run = RunFolder(tmp_path)
    assert _out(options, SimpleNamespace(run=run, search="small")) == tmp_path / "searches/small/transfer" / name
    assert _out(options, SimpleNamespace(run=None, name="timm/a:b")) == Path("transferred") / f"timm-a-b-{name}"
