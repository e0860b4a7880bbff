"""Each image once, in an order that depends on names alone, under the class of its folder; the rest is counted and named."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.data import DataConfig, open_data
from helixnas.data.image_files import (
    image_suffixes,
    list_folder,
    list_tar,
    natural_order,
    same_content,
    shared_images,
)
from helixnas.data.readers import open_source
from helixnas.data.source import Source, Span
from helixnas.errors import DataError


def picture(path: Path, value: int = 0, **settings: Any) -> Path:
    """Write a small image of its own content."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(value).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, **settings)
    return path


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of three images each."""
    for number in range(6):
        picture(tmp_path / "photos" / ("cat", "dog")[number % 2] / f"{number}.png", number)
    return tmp_path / "photos"


def opened(root: Path, **settings: Any) -> Source:
    return open_source(DataConfig(root=str(root), **settings), root=str(root), split="train")


def test_ties_of_the_natural_order_are_decided_by_the_exact_text() -> None:
    names = ["a", "A", "10", "2", "02", "1", "01", "B2", "b10", "b2"]
    expected = ["01", "1", "02", "2", "10", "A", "a", "B2", "b2", "b10"]
    assert sorted(names, key=natural_order) == sorted(reversed(names), key=natural_order) == expected


@pytest.mark.slow
def test_the_order_of_classes_is_the_same_in_every_process_and_every_storage(tmp_path: Path, make_tar: Any) -> None:
    for number, name in enumerate(["a", "A", "1", "01", "2", "02"]):
        picture(tmp_path / "photos" / name / "x.png", number)
    code = (
        "import sys; from helixnas.data import DataConfig; from helixnas.data.readers import open_source;"
        "print(open_source(DataConfig(root=sys.argv[1]), root=sys.argv[1], split='train').class_names)"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "photos")],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert found == {"('01', '1', '02', '2', 'A', 'a')\n"}
    folder, tar = opened(tmp_path / "photos"), opened(make_tar("photos.tar", tmp_path / "photos"))
    assert folder.class_names == tar.class_names == ("01", "1", "02", "2", "A", "a")
    assert folder.labels is not None
    assert tar.labels is not None
    assert folder.labels.tolist() == tar.labels.tolist() == [0, 1, 2, 3, 4, 5]


def test_a_link_that_loops_adds_nothing_and_is_named(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    (photos / "again").symlink_to(photos)
    source = opened(photos)
    assert source.num_images == 6
    assert source.class_names == ("cat", "dog")
    assert "1 further paths to the same folders (again)" in caplog.text


def test_a_file_with_several_paths_is_listed_once_without_links_where_it_can_be(photos: Path) -> None:
    (photos / "cat" / "0-link.png").symlink_to(photos / "cat" / "0.png")
    os.link(photos / "cat" / "2.png", photos / "cat" / "zz.png")
    (photos / "cat" / "gone.png").symlink_to(photos / "nowhere.png")
    listing = list_folder(photos)
    assert listing.names == ["cat/0.png", "cat/2.png", "cat/4.png", "dog/1.png", "dog/3.png", "dog/5.png"]
    assert listing.summary() == (
        "1 links to nothing (cat/gone.png); 2 further paths to the same images (cat/0-link.png, cat/zz.png)"
    )


def test_a_class_may_be_a_link(tmp_path: Path) -> None:
    picture(tmp_path / "elsewhere" / "1.png", 1)
    picture(tmp_path / "photos" / "cat" / "2.png", 2)
    (tmp_path / "photos" / "dog").symlink_to(tmp_path / "elsewhere")
    assert opened(tmp_path / "photos").class_names == ("cat", "dog")


def test_the_same_content_in_a_tar_is_listed_once(photos: Path, make_tar: Any, tmp_path: Path) -> None:
    content = {f"train/{path.parent.name}/{path.name}": path.read_bytes() for path in sorted(photos.rglob("*.png"))}
    copies = {
        "train/dog/again.png": content["train/cat/0.png"],
        "train/dog/longer.png": content["train/cat/0.png"] + b"0",
    }
    with tarfile.open(make_tar("photos.tar", {**content, **copies}), "a") as archive:
        link = tarfile.TarInfo("train/cat/hard.png")
        link.type, link.linkname = tarfile.LNKTYPE, "train/cat/0.png"
        archive.addfile(link)
    listing = list_tar(tmp_path / "photos.tar")
    assert listing.names == [
        *("cat/0.png", "cat/2.png", "cat/4.png", "dog/1.png", "dog/3.png", "dog/5.png", "dog/longer.png"),
    ]
    assert listing.summary() == "2 further paths to the same images (cat/hard.png, dog/again.png)"


def test_a_class_is_its_path(tmp_path: Path, make_tar: Any) -> None:
    for number, name in enumerate(["cats/front", "dogs/front", "cats/side"]):
        picture(tmp_path / "photos" / name / "x.png", number)
    for source in (opened(tmp_path / "photos"), opened(make_tar("photos.tar", tmp_path / "photos"))):
        assert source.class_names == ("cats/front", "cats/side", "dogs/front")


def test_hidden_names_are_skipped_and_named(photos: Path, make_tar: Any, caplog: pytest.LogCaptureFixture) -> None:
    picture(photos / ".ipynb_checkpoints" / "x.png", 7)
    picture(photos / "__MACOSX" / "cat" / "y.png", 8)
    (photos / "cat" / "._0.png").write_bytes(b"resource fork")
    for source in (opened(photos), opened(make_tar("photos.tar", photos))):
        assert source.num_images == 6
        assert source.class_names == ("cat", "dog")
    assert caplog.text.count("3 hidden (") == 2


@pytest.mark.parametrize("suffix", [".webp", ".bmp", ".gif", ".tiff", ".JPG", ".ppm", ".avif"])
def test_what_pillow_opens_is_read(suffix: str, photos: Path) -> None:
    if suffix.lower() not in image_suffixes():
        pytest.skip(f"this Pillow does not read {suffix}")
    picture(photos / "bird" / f"x{suffix}", 9)
    source = opened(photos)
    assert source.class_names == ("bird", "cat", "dog")
    assert source.read(0).size == (8, 8)


def test_other_files_are_counted_and_named(photos: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("cat/notes.txt", "labels.csv", "cat/1.heic", "dog/README"):
        (photos / name).write_text("text")
    assert opened(photos).num_images == 6
    assert (
        f"left out of {photos}: 4 not images that Pillow reads (cat/1.heic, cat/notes.txt, dog/README, ...)"
        in caplog.text
    )


def test_a_class_without_images_is_an_error_unless_labels_are_not_wanted(photos: Path) -> None:
    (photos / "bird").mkdir()
    for number in range(3):
        (photos / "bird" / f"{number}.heic").write_text("text")
    with pytest.raises(DataError, match=r"the folder bird of .*photos has no image, only 3 .heic; convert them"):
        opened(photos)
    assert opened(photos, labels=False).num_images == 6


def test_a_class_whose_images_are_those_of_another_is_an_error(photos: Path) -> None:
    (photos / "feline").mkdir()
    os.link(photos / "cat" / "0.png", photos / "feline" / "0.png")
    with pytest.raises(
        DataError, match=r"the folder feline of .* has no image, only 1 further paths to the same images"
    ):
        opened(photos)


def test_a_class_of_links_to_nothing_is_an_error(photos: Path) -> None:
    (photos / "bird").mkdir()
    (photos / "bird" / "0.png").symlink_to(photos / "gone.png")
    with pytest.raises(DataError, match=r"the folder bird of .* has no image, only 1 links to nothing; give it images"):
        opened(photos)


def test_a_link_to_a_folder_above_adds_no_class(photos: Path) -> None:
    (photos / "up").symlink_to(photos.parent)
    assert opened(photos).class_names == ("cat", "dog")


PATHS = [
    "./{}/{}",
    "././{}/{}",
    "../data/{}/{}",
    "/home/me/{}/{}",
    "a//{}/{}",
    "a/./{}/{}",
    r"{}\{}",
    r"C:\me\{}\{}",
    r".\{}\{}",
]


@pytest.mark.parametrize("form", PATHS)
def test_a_tar_of_any_program_has_the_same_classes(form: str, photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w", format=tarfile.PAX_FORMAT) as tar:
        for file in sorted(photos.rglob("*.png")):
            member = tar.gettarinfo(file)
            member.name = form.format(file.parent.name, file.name)
            with file.open("rb") as content:
                tar.addfile(member, content)
    assert list_tar(tmp_path / "photos.tar").names == list_folder(photos).names


def test_of_members_with_one_path_the_last_counts_and_the_number_is_told(photos: Path, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "photos.tar", "w") as tar:
        tar.add(photos, arcname="photos")
        tar.add(picture(tmp_path / "new.png", 99), arcname="./photos/cat/0.png")
    found = list_tar(tmp_path / "photos.tar")
    assert len(found.names) == 6
    assert found.spans[found.names.index("cat/0.png")].contents() == (tmp_path / "new.png").read_bytes()
    assert "1 earlier versions of images that the tar holds again (cat/0.png)" in found.summary()


def test_names_of_classes_do_not_depend_on_how_accents_are_stored(tmp_path: Path) -> None:
    for number, name in enumerate(["cafe\u0301", "the"]):
        picture(tmp_path / "photos" / name / "0.png", number)
    assert opened(tmp_path / "photos").class_names == ("caf\u00e9", "the")


def test_equal_contents_are_found_among_equal_sizes_and_ends(tmp_path: Path) -> None:
    contents = [b"a" * 2000, b"b" + b"a" * 1999, b"a" * 2000, b"a" * 1999, b"c" * 2000, b"c" * 2000]
    for number, content in enumerate(contents):
        (tmp_path / str(number)).write_bytes(content)
    assert same_content([Span(str(tmp_path / str(number))) for number in range(6)]) == [[0, 2], [4, 5]]


@pytest.mark.parametrize("kind", ["link", "name", "tar"])
def test_splits_that_share_an_image_are_refused(kind: str, photos: Path, tmp_path: Path, make_tar: Any) -> None:
    for number in range(4):
        picture(tmp_path / "held" / ("cat", "dog")[number % 2] / f"{number}.png", 20 + number)
    if kind == "link":
        (tmp_path / "held" / "cat" / "known.png").symlink_to(photos / "cat" / "0.png")
    elif kind == "name":
        os.link(photos / "cat" / "0.png", tmp_path / "held" / "cat" / "known.png")
    else:
        (tmp_path / "held" / "cat" / "known.png").write_bytes((photos / "cat" / "0.png").read_bytes())
    held = make_tar("held.tar", tmp_path / "held") if kind == "tar" else tmp_path / "held"
    config = DataConfig(root=str(photos), evaluation_root=str(held), num_rating=1)
    with pytest.raises(
        DataError, match=r"1 of the evaluation images, in .*held.*, are training images as well, such as .*known"
    ):
        open_data(config, image_size=8, seed=0)


def test_disjoint_splits_share_nothing(photos: Path, tmp_path: Path) -> None:
    other = [Span(str(picture(tmp_path / "held" / "x.png", 30)))]
    assert shared_images(list_folder(photos).spans, other) == []
