"""Sources of every kind give the same images by index."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.data import DataConfig
from helixnas.data.readers import count_classes, open_source
from helixnas.data.source import Source, as_rgb
from helixnas.errors import DataError


def _open(root: Path | str = "", *, name: str = "", split: str = "train", **settings: Any) -> Source:
    return open_source(DataConfig(name=name, root=str(root), **settings), root=str(root), split=split)


def _pixels(source: Source) -> np.ndarray:
    return np.stack([np.asarray(as_rgb(source.read(row))) for row in range(source.num_images)])


def test_digits_are_scaled_to_the_full_range_of_bytes() -> None:
    source = _open(name="digits")
    assert source.num_images == 1797
    assert source.class_names == tuple("0123456789")
    pixels = _pixels(source)
    assert pixels.shape == (1797, 8, 8, 3)
    assert sorted(set(pixels.ravel().tolist())) == [round(value * 255 / 16) for value in range(17)]


def test_a_folder_and_a_tar_of_it_hold_the_same(make_images: Any, make_tar: Any) -> None:
    root = make_images(classes=("2", "10", "1"))
    folder, tar = _open(root), _open(make_tar("images.tar", root))
    assert folder.class_names == tar.class_names == ("1", "2", "10")
    assert folder.labels is not None
    assert tar.labels is not None
    assert folder.labels.tolist() == tar.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert (_pixels(folder) == _pixels(tar)).all()
    assert folder.locate(0) == str(root / "1" / "000.png")
    assert tar.locate(0) == f"{root.parent / 'images.tar'}!1/000.png"


def test_classes_are_counted_without_decoding(
    make_images: Any, make_tar: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("helixnas.data.image_files.same_content", None)
    monkeypatch.setattr("helixnas.data.source.FileSpans.read", None)
    root = make_images(classes=("a", "b", "c"))
    tar = make_tar("images.tar", root)
    assert count_classes(DataConfig(root=str(root))) == count_classes(DataConfig(root=str(tar))) == 3
    assert count_classes(DataConfig(root=str(root), labels=False)) is None
    assert count_classes(DataConfig(root=str(root / "a"))) is None  # no folders, no classes
    assert count_classes(DataConfig(root=str(tmp_path / "gone"))) is None
    assert count_classes(DataConfig(name="torch/cifar100", root="nowhere")) == 100
    assert count_classes(DataConfig(name="hfds/some/where")) is None
    (root / "stray.png").write_bytes((root / "a" / "000.png").read_bytes())
    with pytest.raises(DataError, match="has images both in class folders"):
        count_classes(DataConfig(root=str(root)))


def test_a_tar_of_tars_is_read(make_tar: Any, png: Callable[[int], bytes]) -> None:
    inner = {name: make_tar(f"{name}.tar", {"a.png": png(value)}).read_bytes() for value, name in enumerate(["x", "y"])}
    source = _open(make_tar("outer.tar", {f"{name}.tar": content for name, content in inner.items()}))
    assert source.class_names == ("x", "y")
    assert _pixels(source)[:, 0, 0, 0].tolist() == [0, 1]


def test_a_source_can_be_sent_to_another_process(make_images: Any, make_tar: Any) -> None:
    source = _open(make_tar("images.tar", make_images()))
    before = _pixels(source)
    assert (_pixels(pickle.loads(pickle.dumps(source))) == before).all()


def test_the_sub_folder_of_a_split_is_taken(make_images: Any) -> None:
    make_images("set/train", count=3)
    root = make_images("set/val", count=2).parent
    assert _open(root, split="train").num_images == 6
    assert _open(root, split="validation").num_images == 4


def test_a_misspelt_split_is_an_error_but_a_usual_one_may_be_missing(make_images: Any) -> None:
    root = make_images()  # two folders of classes
    assert all(_open(root, split=name).num_images == 10 for name in ("train", "Validation", "test", ""))
    with pytest.raises(DataError, match=rf"^{root} has no folder or tar of the split 'tset'; it has .+, .+$"):
        _open(root, split="tset")


@pytest.mark.parametrize("classes", [("",), ("all",)])
def test_images_without_class_folders_are_without_labels(
    make_images: Any, make_tar: Any, classes: tuple[str, ...]
) -> None:
    root = make_images(classes=classes)
    for source in (_open(root), _open(make_tar("flat.tar", root))):
        assert source.num_images == 5
        assert source.labels is None
        assert source.class_names == ()


def test_labels_are_not_read_when_not_wanted(make_images: Any) -> None:
    assert _open(make_images(), labels=False).labels is None


def test_images_beside_class_folders_are_an_error_unless_labels_are_not_wanted(make_images: Any) -> None:
    root = make_images(classes=("cat", "dog", ""))
    with pytest.raises(DataError, match=r"both in class folders \(cat, dog, ...\) and outside of them; move these"):
        _open(root)
    assert _open(root, labels=False).num_images == 15


def test_an_empty_folder_and_an_empty_tar_are_errors(tmp_path: Path, make_tar: Any) -> None:
    (tmp_path / "empty").mkdir()
    for root in (tmp_path / "empty", make_tar("empty.tar", {"readme.txt": b"nothing"})):
        with pytest.raises(DataError, match=rf"{root} has no images that Pillow reads"):
            _open(root)


def test_a_tar_in_a_folder_is_told_how_to_be_named(tmp_path: Path, make_tar: Any) -> None:
    tar = make_tar("images.tar", {"readme.txt": b"nothing"})
    with pytest.raises(DataError, match=rf"; left out: 1 .*; for the images in a tar, give the tar itself: {tar}$"):
        _open(tar.parent)


def test_the_folder_of_a_run_is_named_as_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "record.json").touch()
    with pytest.raises(DataError, match=r"has no images that Pillow reads; .*; it is the folder of a run"):
        _open(tmp_path)


def test_a_file_that_is_no_tar_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "images.zip").write_bytes(b"PK")
    (tmp_path / "images.tar").write_bytes(b"PK" * 600)
    with pytest.raises(DataError, match=r"images.zip is neither a folder of images nor an uncompressed .tar of them"):
        _open(tmp_path / "images.zip")
    with pytest.raises(DataError, match=r"images.tar is not a readable tar: "):
        _open(tmp_path / "images.tar")


def test_a_truncated_tar_is_an_error(make_images: Any, make_tar: Any) -> None:
    tar = make_tar("images.tar", make_images())
    tar.write_bytes(tar.read_bytes()[:5000])
    with pytest.raises(DataError, match=r"images.tar is not a readable tar: unexpected end of data"):
        _open(tar)


@pytest.fixture
def mnist(tmp_path: Path) -> Path:
    """Write six images in the files of MNIST's training and test set."""
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for name, offset in (("train", 0), ("t10k", 100)):
        pixels = (np.arange(6, dtype=np.uint8) + offset).repeat(28 * 28).tobytes()
        header = b"".join(number.to_bytes(4, "big") for number in (0x803, 6, 28, 28))
        (folder / f"{name}-images-idx3-ubyte").write_bytes(header + pixels)
        header = b"".join(number.to_bytes(4, "big") for number in (0x801, 6))
        (folder / f"{name}-labels-idx1-ubyte").write_bytes(header + bytes([0, 1, 2, 0, 1, 9]))
    return tmp_path


def test_a_torchvision_data_set_is_read_by_name(mnist: Path) -> None:
    train, test = (_open(mnist, name="torch/mnist", split=split) for split in ("train", "validation"))
    assert train.labels is not None
    assert train.labels.tolist() == [0, 1, 2, 0, 1, 9]
    assert train.class_names[:2] == ("0 - zero", "1 - one")
    assert _pixels(train)[:, 3, 3].tolist() == [[value] * 3 for value in range(6)]
    assert _pixels(test)[0, 0, 0].tolist() == [100] * 3
    assert train.title != test.title


def test_a_missing_torchvision_data_set_says_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"torch/cifar10, split 'train', in .* cannot be opened; data.download: true"):
        _open(tmp_path, name="torch/cifar10")


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(DataError, match=r"data.name 'hfds/a/b' needs the package datasets; pip install datasets"):
        _open(name="hfds/a/b")
    with pytest.raises(DataError, match=r"data.name 'wds/a' needs the package webdataset; pip install webdataset"):
        _open(tmp_path, name="wds/a")


def test_webdataset_shards_are_read_in_any_order(make_tar: Any, png: Callable[[int], bytes]) -> None:
    pytest.importorskip("webdataset", reason="webdataset is not installed")
    for shard in range(2):
        members: dict[str, bytes] = {}
        for number in range(3):
            members[f"{shard}{number}.png"] = png(10 * shard + number)
            members[f"{shard}{number}.cls"] = str(number).encode()
        path = make_tar(f"set-{shard}.tar", members)
    source = _open(path.parent, name="wds/set", split="set-{0..1}.tar")
    assert source.labels is not None
    assert source.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert source.class_names == ("0", "1", "2")
    assert [source.read(row).getpixel((0, 0)) for row in (5, 0, 3)] == [12, 0, 10]
    assert source.locate(3) == f"{path}!10.png"
    with pytest.raises(DataError, match=r"wds/set, split 'other', in .* cannot be opened: split other not found"):
        _open(path.parent, name="wds/set", split="other")


def test_a_hugging_face_folder_of_images_is_read(make_images: Any, tmp_path: Path) -> None:
    pytest.importorskip("datasets", reason="the package datasets is not installed")
    root = make_images("set/train", count=2).parent
    Image.new("L", (16, 16), 9).save(root / "train" / "dog" / "zz.png")
    source = _open(tmp_path / "hub", name=f"hfds/{root}")
    assert source.class_names == ("cat", "dog")
    assert source.labels is not None
    assert sorted(source.labels.tolist()) == [0, 0, 1, 1, 1]
    assert _pixels(source).shape == (5, 16, 16, 3)
    with pytest.raises(DataError, match=r"split 'other' cannot be opened: "):
        _open(tmp_path / "hub", name=f"hfds/{root}", split="other")


def test_a_folder_of_parquet_files_is_told_how_to_be_read(tmp_path: Path) -> None:
    (tmp_path / "train-0.parquet").touch()
    with pytest.raises(DataError, match=r"has no images that Pillow reads; .*; data.name: parquet reads Parquet files"):
        _open(tmp_path)


def test_whatever_torchvision_raises_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*words: object, **others: object) -> None:
        raise AssertionError("magic number")

    monkeypatch.setattr("helixnas.data.readers.create_dataset", refuse)
    with pytest.raises(DataError, match=r"torch/mnist, split 'train', in .* cannot be opened; .*: magic number"):
        _open(tmp_path, name="torch/mnist")
