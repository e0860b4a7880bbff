"""The decoded cache: what is cached, and what becomes of a damaged or outdated file."""

import errno
import json
import logging
import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.artifacts import files
from helixnas.data import DataConfig, decoded
from helixnas.data.decoded import decode
from helixnas.data.readers import open_source
from helixnas.data.source import Source, read_array
from helixnas.data.unreadable import UnreadableImages
from helixnas.errors import DataError

Decode = Callable[..., np.ndarray | None]


@pytest.fixture
def decode_folder() -> Decode:
    """Return a function that opens and decodes a folder."""

    def run(root: Path, *, cache: Any = "auto", progress: Any = None, max_share: float = 0.5) -> np.ndarray | None:
        source = open_source(DataConfig(root=str(root)), root=str(root), split="train")
        unreadable = UnreadableImages(title=source.title, num_images=source.num_images, max_share=max_share)
        return decode(source, cache=cache, unreadable=unreadable, progress=progress)

    return run


def test_small_images_of_one_size_are_decoded_exactly(make_images: Any, decode_folder: Decode) -> None:
    root = make_images(count=3)
    pixels = decode_folder(root)
    assert pixels is not None
    files = sorted(root.rglob("*.png"))
    assert (pixels == np.stack([np.asarray(Image.open(file)) for file in files])).all()


def _decode(source: Source) -> np.ndarray | None:
    return decode(source, cache="auto", unreadable=UnreadableImages(title="", num_images=1, max_share=0.5))


@pytest.mark.parametrize("shape", [(3, 5, 4), (3, 5, 4, 3)])
def test_images_in_memory_are_taken_as_they_are_and_equal_those_read_one_by_one(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    one_by_one = Source(
        title="", num_images=3, labels=None, class_names=(), read=partial(read_array, pixels), locate=str
    )
    found = _decode(replace(one_by_one, pixels=pixels))
    assert found is not None
    assert found.shape == (3, 5, 4, 3)
    assert (found == _decode(one_by_one)).all()


def test_digits_are_in_memory() -> None:
    source = open_source(DataConfig(name="digits"), root="", split="train")
    assert source.pixels is not None
    assert (_decode(source) == _decode(replace(source, pixels=None))).all()


def test_progress_reaches_the_number_of_images(make_images: Any, decode_folder: Decode) -> None:
    seen: list[tuple[int, int]] = []
    decode_folder(make_images(count=4), progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 8) for number in range(1, 9)]


def test_large_images_are_cached_only_when_asked(make_images: Any, decode_folder: Decode) -> None:
    root = make_images(size=100, count=1)
    assert decode_folder(root) is None
    assert decode_folder(root, cache=False) is None
    pixels = decode_folder(root, cache=True)
    assert pixels is not None
    assert pixels.shape == (2, 100, 100, 3)


def test_a_set_larger_than_the_limit_is_not_cached(
    make_images: Any, decode_folder: Decode, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.data.decoded.MAX_CACHE_BYTES", 10 * 16 * 16 * 3 - 1)
    assert decode_folder(make_images()) is None


def test_images_of_several_sizes_are_not_cached_and_named_when_asked(make_images: Any, decode_folder: Decode) -> None:
    root = make_images(count=1)
    Image.new("RGB", (20, 10)).save(root / "dog" / "wide.png")
    assert decode_folder(root) is None
    with pytest.raises(DataError, match=r"000.png has 16x16 pixels and .*wide.png 20x10; set it to auto"):
        decode_folder(root, cache=True)


def test_a_kept_set_is_not_decoded_again(
    make_images: Any, decode_folder: Decode, own_cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_images(size=96, count=24)
    first = decode_folder(root)
    assert len(list(own_cache.iterdir())) == 2
    seen: list[int] = []
    second = decode_folder(root, progress=lambda done, total: seen.append(done))
    assert first is not None
    assert second is not None
    assert (first == second).all()
    assert not seen
    assert not caplog.records


def test_a_small_set_is_not_kept(make_images: Any, decode_folder: Decode, own_cache: Path) -> None:
    decode_folder(make_images())
    assert not own_cache.exists()


def test_a_changed_image_is_decoded_again_into_the_same_file(
    make_images: Any, decode_folder: Decode, own_cache: Path
) -> None:
    root = make_images(size=96, count=24)
    decode_folder(root)
    Image.new("RGB", (96, 96), (1, 2, 3)).save(root / "cat" / "000.png")
    pixels = decode_folder(root)
    assert pixels is not None
    assert pixels[0, 0, 0].tolist() == [1, 2, 3]
    assert len(list(own_cache.iterdir())) == 2


def _truncate(array: Path, note: Path) -> None:
    os.truncate(array, array.stat().st_size // 2)


def _flip_a_bit(array: Path, note: Path) -> None:
    content = bytearray(array.read_bytes())
    content[-1] ^= 1
    array.write_bytes(content)


def _replace_by_pickle(array: Path, note: Path) -> None:
    np.save(array, np.array([{}], dtype=object), allow_pickle=True)


def _remove_array(array: Path, note: Path) -> None:
    array.unlink()


def _spoil_note(array: Path, note: Path) -> None:
    note.write_text("[1")


def _empty_note(array: Path, note: Path) -> None:
    note.write_text(json.dumps({"version": 1}))


@pytest.mark.parametrize(
    "damage", [_truncate, _flip_a_bit, _replace_by_pickle, _remove_array, _spoil_note, _empty_note]
)
def test_a_damaged_cache_is_made_anew_with_a_warning(
    make_images: Any,
    decode_folder: Decode,
    own_cache: Path,
    caplog: pytest.LogCaptureFixture,
    damage: Callable[[Path, Path], None],
) -> None:
    root = make_images(size=96, count=24)
    first = decode_folder(root)
    damage(next(own_cache.glob("*.npy")), next(own_cache.glob("*.json")))
    second = decode_folder(root)
    assert "is damaged" in caplog.text
    assert first is not None
    assert second is not None
    assert (first == second).all()
    caplog.clear()
    decode_folder(root)
    assert not caplog.records


def test_a_full_disk_costs_the_cache_and_not_the_run(
    make_images: Any,
    decode_folder: Decode,
    own_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    assert decode_folder(make_images(size=96, count=24)) is not None
    assert "cannot be cached and will be decoded again" in caplog.text
    assert not list(own_cache.iterdir())


def test_unreadable_images_are_reported_when_decoded_and_when_loaded(
    make_images: Any, decode_folder: Decode, caplog: pytest.LogCaptureFixture
) -> None:
    root = make_images(size=96, count=24)
    (root / "cat" / "003.png").write_bytes(b"not a picture")
    for _ in range(2):
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            pixels = decode_folder(root)
        assert pixels is not None
        assert not pixels[3].any()
        assert f"skipping an unreadable image, {root / 'cat' / '003.png'}: it is not an image" in caplog.text


def test_too_many_unreadable_images_are_an_error_while_decoding(make_images: Any, decode_folder: Decode) -> None:
    root = make_images()
    (root / "cat" / "003.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"1 of the 10 images of .* max_unreadable = 0.05 allows 0; .*cat/003.png"):
        decode_folder(root, max_share=0.05)


def test_without_a_home_folder_nothing_is_cached_and_a_line_says_so(
    make_images: Any, decode_folder: Decode, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def nameless(number: int) -> Any:
        raise KeyError(number)

    monkeypatch.setattr(decoded, "MIN_KEPT_BYTES", 1)
    monkeypatch.setattr("pwd.getpwuid", nameless)
    for name in ("HOME", "HELIXNAS_CACHE"):
        monkeypatch.delenv(name, raising=False)
    assert decoded.cache_folder() is None
    assert decode_folder(root := make_images(count=2)) is not None
    assert caplog.messages == [
        f"the decoded images of {root} are not cached, because this user has no home folder; set HELIXNAS_CACHE to a folder"
    ]
