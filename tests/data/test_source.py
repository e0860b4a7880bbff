"""Places, spans of bytes and channels."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.data import DataConfig
from helixnas.data.readers import open_source
from helixnas.data.source import FileSpans, Span, as_rgb, find_root, read_upright
from helixnas.errors import DataError


def test_a_relative_root_is_found_in_the_current_folder_before_the_data_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("here", "data"):
        (tmp_path / place / "pets").mkdir(parents=True)
    (tmp_path / "data" / "cars").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HELIXNAS_DATA", str(tmp_path / "data"))
    assert find_root("pets") == tmp_path / "here" / "pets"
    assert find_root("cars") == tmp_path / "data" / "cars"


def test_a_missing_root_is_answered_with_both_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HELIXNAS_DATA", "/data/sets")
    with pytest.raises(DataError) as caught:
        find_root("pets")
    assert (
        str(caught.value) == f"there is no 'pets' in the current folder, {tmp_path}, nor in $HELIXNAS_DATA, /data/sets"
    )


def test_a_missing_root_says_when_the_data_folder_is_not_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HELIXNAS_DATA", raising=False)
    with pytest.raises(DataError, match=r"and \$HELIXNAS_DATA is not set"):
        find_root("pets")


def test_a_missing_absolute_root_is_answered_with_itself() -> None:
    with pytest.raises(DataError, match="there is no file or folder /nowhere/pets"):
        find_root("/nowhere/pets")


def test_an_empty_root_says_what_to_set() -> None:
    with pytest.raises(DataError, match=r"data.root is empty; name a folder or a tar of images, or set data\.name"):
        find_root("")


def test_grey_images_get_three_equal_channels() -> None:
    grey = np.arange(16, dtype=np.uint8).reshape(4, 4)
    rgb = np.asarray(as_rgb(Image.fromarray(grey)))
    assert rgb.shape == (4, 4, 3)
    assert (rgb == grey[:, :, None]).all()


def test_sixteen_bit_grey_is_scaled_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 257 * 100, 65535]], dtype=np.uint16)).save(tmp_path / "deep.png")
    with Image.open(tmp_path / "deep.png") as image:
        assert np.asarray(as_rgb(image))[0, :, 0].tolist() == [0, 100, 255]


def test_wider_whole_numbers_are_scaled_by_their_own_range(tmp_path: Path) -> None:
    values = np.array([[-1000, 1_000_000, 499_500, 499_500]], dtype=np.int32)
    Image.fromarray(values).save(tmp_path / "deep.tiff")
    with Image.open(tmp_path / "deep.tiff") as image:
        assert image.mode == "I"
        assert np.asarray(as_rgb(image))[0, :, 0].tolist() == [0, 255, 127, 127]
    assert np.asarray(as_rgb(Image.fromarray(np.full((2, 2), 7, np.int32)))).max() == 0


def turned(path: Path, orientation: int) -> Path:
    """Write an image of 3 x 2 pixels whose EXIF data say how it is turned."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.arange(18, dtype=np.uint8).reshape(2, 3, 3)).save(path, exif=exif)
    return path


@pytest.mark.parametrize(("orientation", "turns"), [(1, 0), (3, 2), (6, 3), (8, 1)])
def test_photographs_are_turned_as_their_exif_data_say(orientation: int, turns: int, tmp_path: Path) -> None:
    span = Span(str(turned(tmp_path / "photo.png", orientation)))
    found = np.asarray(read_upright(FileSpans([span]).read, 0))
    stored = np.arange(18, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(found, np.rot90(stored, turns))


def test_the_setting_decides_whether_photographs_are_turned_in_every_storage(tmp_path: Path, make_tar: Any) -> None:
    for name in ("cat", "dog"):
        (tmp_path / "photos" / name).mkdir(parents=True)
        turned(tmp_path / "photos" / name / f"{name}.png", 6 if name == "cat" else 8)
    for root in (tmp_path / "photos", make_tar("photos.tar", tmp_path / "photos")):
        for wanted, size in ((True, (2, 3)), (False, (3, 2))):
            config = DataConfig(root=str(root), exif_orientation=wanted)
            source = open_source(config, root=str(root), split="train")
            assert source.read(0).size == size
            assert source.fingerprint is not None
            assert source.fingerprint().endswith("upright") == wanted


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")  # Pillow's own, when it opens the file
def test_broken_exif_data_turn_nothing(tmp_path: Path) -> None:
    Image.new("RGB", (3, 2)).save(tmp_path / "photo.jpg", exif=b"Exif\x00\x00MM\x00*\x00\x00\xff\xff\xff\xff")
    assert read_upright(FileSpans([Span(str(tmp_path / "photo.jpg"))]).read, 0).size == (3, 2)


def test_what_is_no_image_is_named_without_addresses_in_memory(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_text("text")
    with pytest.raises(DataError, match="^it is not an image that Pillow reads$"):
        FileSpans([Span(str(tmp_path / "photo.jpg"))]).read(0)


@pytest.mark.parametrize(("mode", "color"), [("RGBA", (1, 2, 3, 4)), ("CMYK", (254, 253, 252, 0)), ("RGB", (1, 2, 3))])
def test_other_modes_become_rgb(mode: str, color: Any) -> None:
    assert as_rgb(Image.new(mode, (1, 1), color)).getpixel((0, 0)) == (1, 2, 3)


def test_a_palette_with_transparency_becomes_rgb_without_a_warning() -> None:
    image = Image.new("P", (1, 1))
    image.putpalette([9, 8, 7])
    image.info["transparency"] = b"\x00"
    assert as_rgb(image).getpixel((0, 0)) == (9, 8, 7)


def test_floating_point_pixels_are_refused() -> None:
    with pytest.raises(DataError, match="floating-point numbers of unknown range; convert it to 8- or 16-bit pixels"):
        as_rgb(Image.new("F", (1, 1)))


def test_a_span_reads_an_image_from_the_middle_of_a_file(tmp_path: Path, png: Any) -> None:
    (tmp_path / "pack").write_bytes(b"before" + png(5) + png(6))
    pack = str(tmp_path / "pack")
    spans = FileSpans([Span(pack, "a", 6, len(png(5))), Span(pack, offset=6 + len(png(5)))])
    assert [spans.read(index).getpixel((0, 0)) for index in range(len(spans))] == [5, 6]
    assert [spans.locate(index) for index in range(2)] == [f"{tmp_path / 'pack'}!a", str(tmp_path / "pack")]


def test_a_fingerprint_changes_with_the_file(tmp_path: Path) -> None:
    file = tmp_path / "image"
    file.write_bytes(b"one")
    spans = FileSpans([Span(str(file))])
    before = spans.fingerprint()
    assert spans.fingerprint() == before
    file.write_bytes(b"three")
    assert spans.fingerprint() != before
