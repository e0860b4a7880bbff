"""The dry run says for how many classes its networks are, and where that number comes from."""

import re
from pathlib import Path

import pytest
from PIL import Image

from helixnas.cli import main

Captured = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HELIXNAS_DATA", raising=False)


def classes(tiny_path: Path, capsys: Captured, *words: str) -> str:
    assert main(["run", str(tiny_path), "--dry-run", *words]) == 0
    (said,) = re.findall(r"^classes: (.*)$", capsys.readouterr().out, re.MULTILINE)
    return said


def test_the_classes_of_the_images_count_where_they_are_there(tiny_path: Path, capsys: Captured) -> None:
    assert classes(tiny_path, capsys) == "10, those of the images"
    for name in ("cat", "dog", "owl"):
        Path("photos", name).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(Path("photos", name, "1.png"))
    folder = ["--data.name", "", "--data.root", "photos"]
    assert classes(tiny_path, capsys, *folder) == "3, those of the images"
    assert classes(tiny_path, capsys, *folder, "--data.labels", "false", "--retrain", "null") == (
        "10, those of the teacher, since data.labels is false"
    )


def test_otherwise_those_of_the_teacher_are_assumed_and_decide_about_budgets(tiny_path: Path, capsys: Captured) -> None:
    gone = ["--data.name", "", "--data.root", "photos", "--teacher.model_args.num_classes", "50"]
    said = "50, assumed from the teacher, since those of the images (photos) are not known here"
    assert classes(tiny_path, capsys, *gone) == said
    assert main(["run", str(tiny_path), "--dry-run", *gone, "--searches.small.max.params", "2700"]) == 2
    assert "search small: no architecture has params <= 2,700" in capsys.readouterr().err
    assert main(["run", str(tiny_path), "--dry-run", "--searches.small.max.params", "2700"]) == 0


def test_images_that_are_there_and_cannot_be_used_are_told_by_the_dry_run(tiny_path: Path, capsys: Captured) -> None:
    Path("photos").mkdir()
    assert main(["run", str(tiny_path), "--dry-run", "--data.name", "", "--data.root", "photos"]) == 2
    assert "photos has no images that Pillow reads" in capsys.readouterr().err


def test_the_disk_of_a_feature_cache_is_told(tiny_path: Path, capsys: Captured) -> None:
    cache = ["--distill.feature_cache", "1"]
    assert main(["run", str(tiny_path), "--dry-run", *cache]) == 0
    each = (3 * 8 * 8 + 2 * (8 * 8 * 8 + 12 * 4 * 4)) / 2**20
    assert f"feature cache: {each:.3f} MiB on disk per training image, for 1 views" in capsys.readouterr().out
    assert main(["run", str(tiny_path), "--dry-run", *cache, "--expected_images", "1000000"]) == 0
    assert re.search(r"feature cache: 1\.\d\d GiB on disk for 1 views of \d+,\d+ images", capsys.readouterr().out)


@pytest.mark.slow
def test_generations_are_shown_up_to_their_searches_then_the_check_one_retraining_and_the_time_of_all(
    tiny_path: Path, capsys: Captured
) -> None:
    words = ["run", str(tiny_path), "--dry-run", "--generations", "2", "--retrain.fit.num_epochs", "40"]
    words += ["--expected-images", "1438"]
    assert main(words) == 0
    said = capsys.readouterr().out
    first, second = said.split("generation 2 of at most 2")
    assert "search:small" in first
    assert "retrain:small" not in said
    assert re.search(r"^check: 2 epochs of every generation's winner, about ", second, re.MULTILINE)
    assert re.search(r"^retrain: the best generation only, about ", second, re.MULTILINE)
    duration = r"(\d+ h \d+ min|\d+ min \d+ s|[\d.]+ s)$"
    assert re.search(rf"^estimated time of all 2 generations on this machine: {duration}", second, re.MULTILINE)
    assert main([*words, "--hardware", "h100", "--price-per-hour", "2"]) == 0
    said = capsys.readouterr().out
    assert "retrain:small" not in said
    (whole,) = re.findall(
        r"^estimated time of all 2 generations in the shortest way of every stage: (.*)$", said, re.MULTILINE
    )
    assert said.index(whole) < said.rindex("cost: ")
