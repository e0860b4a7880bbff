"""Facts of images: number, sizes, classes, copies."""

import shutil
from pathlib import Path

import pytest

from helixnas.data.config import DataConfig
from helixnas.errors import DataError
from helixnas.start.image_facts import Copies, find_copies, look_at_images


def test_number_classes_and_median_side_of_a_folder(photos: Path) -> None:
    found = look_at_images(DataConfig(root=str(photos)))
    assert (found.num_images, found.num_classes, found.smallest_class, found.side) == (150, 3, 50, 40)
    assert found.warnings == ()
    assert found.num_held_out == 30
    assert str(found) == "150 images, 3 classes, short side 40 pixels (median)"


def test_images_without_folders_have_no_labels(photos: Path, tmp_path: Path) -> None:
    for folder in photos.iterdir():
        for file in folder.iterdir():
            shutil.copy(file, tmp_path / f"{folder.name}{file.name}")
    found = look_at_images(DataConfig(root=str(tmp_path)))
    assert (found.num_classes, found.smallest_class, found.num_held_out) == (0, 0, 0)
    assert "no labels" in str(found)


def test_images_of_their_own_for_the_final_accuracy_are_looked_at(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "train").symlink_to(photos)
    shutil.copytree(photos / "cat", tmp_path / "validation" / "cat")
    found = look_at_images(DataConfig(root=str(tmp_path)))
    assert (found.num_images, found.num_held_out) == (150, 0)
    shutil.move(tmp_path / "validation" / "cat", tmp_path / "validation" / "cats")
    with pytest.raises(DataError, match="has 1 class that .* does not have, such as 'cats'"):
        look_at_images(DataConfig(root=str(tmp_path)))


def test_copies_and_small_classes_are_warned_about(photos: Path, tmp_path: Path) -> None:
    root = tmp_path / "copy"
    shutil.copytree(photos, root)
    for number in range(4):
        (root / "rare").mkdir(exist_ok=True)
        shutil.copy(root / "cat" / f"0{number}.png", root / "rare" / f"{number}.png")
    copies, few = look_at_images(DataConfig(root=str(root))).warnings
    assert copies.startswith("4 images are copies of another, such as ")
    assert f"{root}/rare/0.png of {root}/cat/00.png" in copies
    assert few.startswith("the smallest class has 4 images")


def test_only_files_of_equal_length_are_read(tmp_path: Path) -> None:
    from helixnas.data.source import Span

    for name, content in (("a", b"12"), ("b", b"123"), ("c", b"12"), ("d", b"13")):
        (tmp_path / name).write_bytes(content)
    spans = [Span(str(tmp_path / name)) for name in "abcd"]
    assert find_copies(spans) == Copies(((str(tmp_path / "c"), str(tmp_path / "a")),), 0)


def test_what_is_not_compared_is_told(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from helixnas.data.source import Span

    for name, content in (("a", b"1234"), ("b", b"1234"), ("c", b"12"), ("d", b"12")):
        (tmp_path / name).write_bytes(content)
    spans = [Span(str(tmp_path / name)) for name in "abcd"]
    assert find_copies(spans, most_bytes=7) == Copies(((str(tmp_path / "d"), str(tmp_path / "c")),), 2)
    monkeypatch.setattr("helixnas.start.image_facts.find_copies", lambda spans: Copies((), len(spans)))
    (warning,) = look_at_images(DataConfig(root=str(photos))).warnings
    assert warning.startswith("copies were looked for in 1 GiB of images; 150 of 150 were not compared")


def test_too_few_images_are_refused(photos: Path) -> None:
    with pytest.raises(DataError, match="has 50 images; a search needs at least 100"):
        look_at_images(DataConfig(root=str(photos / "cat")))
