"""The three parts of the data: apart, by class, and the same again for the same seed."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helixnas.data import DataConfig, DataSplits, open_data, open_images
from helixnas.errors import DataError


def _open(root: Path | str = "", *, seed: int = 0, **settings: Any) -> DataSplits:
    return open_data(DataConfig(root=str(root), **({"num_rating": 2} | settings)), image_size=16, seed=seed)


def test_the_three_parts_of_the_digits_are_apart_and_by_class() -> None:
    splits = _open(name="digits", num_rating=200)
    assert splits.evaluation is not None
    parts = [splits.train, splits.rating, splits.evaluation]
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(1797))
    for part in parts:
        counts = np.bincount(part.require_labels("this test"))
        assert abs(counts / len(part) - 0.1).max() < 0.01
    assert splits.class_names == tuple("0123456789")
    assert splits.num_classes == splits.train.num_classes == 10


@pytest.mark.slow
def test_the_same_seed_divides_alike_and_another_does_not() -> None:
    one, same, other = (_open(name="digits", num_rating=200, seed=seed) for seed in (4, 4, 5))
    assert one.rating.rows.tolist() == same.rating.rows.tolist()
    assert one.rating.rows.tolist() != other.rating.rows.tolist()


def test_the_evaluation_images_do_not_depend_on_how_many_are_rated() -> None:
    few, many = (_open(name="digits", num_rating=number).evaluation for number in (20, 400))
    assert few is not None
    assert many is not None
    assert few.rows.tolist() == many.rows.tolist()


def test_a_share_of_the_training_images_is_taken_by_class_and_leaves_the_others_alone() -> None:
    whole, part = _open(name="digits", num_rating=200), _open(name="digits", num_rating=200, train_share=0.4)
    assert len(part.train) == round(0.4 * len(whole.train))
    assert set(part.train.rows) < set(whole.train.rows)
    assert np.array_equal(part.rating.rows, whole.rating.rows)
    assert part.evaluation is not None
    assert whole.evaluation is not None
    assert np.array_equal(part.evaluation.rows, whole.evaluation.rows)
    before, after = (np.bincount(splits.train.labels) for splits in (whole, part))
    assert np.all(np.abs(after - 0.4 * before) <= 1)


def test_the_image_size_of_the_config_comes_before_the_teachers() -> None:
    assert _open(name="digits", image_size=24).train.image_size == 24
    assert _open(name="digits").train.image_size == 16


def test_images_without_labels_have_no_evaluation(make_images: Any) -> None:
    splits = _open(make_images(classes=("",)))
    assert splits.evaluation is None
    assert splits.num_classes == 0
    assert splits.class_names == ()
    assert len(splits.train) == 3
    (batch,) = splits.train.batches(batch_size=3, seed=0, augment=True, shuffle=True)
    assert batch.labels is None


def test_labels_that_are_not_wanted_leave_all_images_for_training(make_images: Any) -> None:
    splits = _open(make_images(), labels=False)
    assert splits.evaluation is None
    assert len(splits.train) + len(splits.rating) == 10


def test_a_validation_folder_is_for_the_final_accuracy(make_images: Any) -> None:
    make_images("set/train", count=4)
    root = make_images("set/val", count=3).parent
    splits = _open(root)
    assert splits.evaluation is not None
    assert len(splits.train) + len(splits.rating) == 8
    assert len(splits.evaluation) == 6
    assert splits.evaluation.store is not splits.train.store


def test_without_an_evaluation_split_a_share_is_set_aside(make_images: Any) -> None:
    make_images("set/train", count=10)
    root = make_images("set/val", count=3).parent
    splits = _open(root, evaluation_split="", evaluation_share=0.3)
    assert splits.evaluation is not None
    assert np.bincount(splits.evaluation.require_labels("this test")).tolist() == [3, 3]


def test_evaluation_classes_get_the_indices_of_the_training_classes(make_images: Any) -> None:
    train = make_images("train", classes=("ant", "bee", "cat"))
    splits = _open(train, evaluation_root=str(make_images("other", classes=("cat", "bee"))))
    assert splits.evaluation is not None
    assert sorted(set(splits.evaluation.require_labels("this test").tolist())) == [1, 2]
    assert splits.evaluation.num_classes == 3


def test_an_evaluation_class_unknown_to_the_training_data_is_an_error(make_images: Any) -> None:
    train, other = make_images("train"), make_images("other", classes=("cat", "cow"))
    with pytest.raises(DataError) as caught:
        _open(train, evaluation_root=str(other))
    expected = f"{other} has 1 class that {train} does not have, such as 'cow'; its 2 classes are cat, dog"
    assert str(caught.value) == expected


def test_labelled_evaluation_images_serve_unlabelled_training_images(make_images: Any) -> None:
    splits = _open(make_images("train", classes=("",)), evaluation_root=str(make_images("other")))
    assert splits.evaluation is not None
    assert splits.class_names == ("cat", "dog")
    assert splits.evaluation.num_classes == splits.num_classes == 2
    assert splits.train.num_classes == 0


def test_evaluation_images_without_labels_are_an_error(make_images: Any) -> None:
    with pytest.raises(DataError, match=r"the evaluation images of .*flat have no labels; use one folder per class"):
        _open(make_images("train"), evaluation_root=str(make_images("flat", classes=("",))))


def test_evaluation_images_inside_or_equal_to_the_training_images_are_an_error(make_images: Any) -> None:
    root = make_images("set")
    make_images("set/validation")
    message = (
        r"10 of the evaluation images, in .*, are training images as well, .*; move the training images, in .*set, into"
    )
    with pytest.raises(DataError, match=message):
        _open(root)
    with pytest.raises(DataError, match=r"the evaluation images and the training images are the same: .*set"):
        _open(root, evaluation_root=str(root), evaluation_split="")


def test_more_rating_images_than_there_are_is_an_error(make_images: Any) -> None:
    root = make_images()
    with pytest.raises(DataError) as caught:
        _open(root, num_rating=8)
    assert str(caught.value) == (f"data.num_rating is 8, but {root} has only 8 training images; choose at most 7")


def test_one_image_for_each_class_is_enough_to_divide(make_images: Any) -> None:
    splits = _open(make_images(classes=tuple("abcdefghij"), count=1), num_rating=3)
    assert len(splits.rating) == 3
    assert splits.evaluation is not None
    assert len(splits.evaluation) == 2


def test_a_missing_root_is_one_sentence() -> None:
    with pytest.raises(DataError, match="there is no file or folder /nowhere/photos"):
        _open("/nowhere/photos")


def test_enlarged_and_reduced_caches_show_what_decoding_shows(make_images: Any) -> None:
    root = make_images(size=40)
    for size in (16, 32, 40, 64):
        pair = [
            next(
                _open(root, cache=cache, image_size=size).train.batches(
                    batch_size=6, seed=0, augment=False, shuffle=False
                )
            )
            for cache in ("auto", False)
        ]
        assert (pair[0].images == pair[1].images).all()
        assert pair[0].images.shape[-1] == size


@pytest.mark.parametrize(("image_size", "is_told"), [(32, False), (40, True)])
def test_small_images_that_are_much_enlarged_are_told(
    image_size: int, is_told: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        open_data(DataConfig(name="digits", num_rating=100), image_size=image_size, seed=0)
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == is_told
    assert all("8 x 8 pixels and are enlarged to 40 x 40" in text and "an image size of 8" in text for text in told)


def test_an_image_size_that_was_asked_for_is_not_told(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        open_data(DataConfig(name="digits", num_rating=100, image_size=40), image_size=40, seed=0)
    assert not caplog.records


def test_a_cache_too_large_when_enlarged_stays_at_its_stored_size(
    make_images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = make_images()
    expected = _open(root, image_size=64)
    monkeypatch.setattr("helixnas.data.splits.MAX_CACHE_BYTES", 10 * 64 * 64 * 3 - 1)
    splits = _open(root, image_size=64)
    assert expected.train.store.pixels is not None
    assert splits.train.store.pixels is None
    ours, theirs = (
        next(part.train.batches(batch_size=4, seed=0, augment=True, shuffle=True)) for part in (splits, expected)
    )
    assert (ours.images == theirs.images).all()


def test_large_images_of_several_sizes_are_decoded_on_demand(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    for number, size in enumerate([(120, 80), (70, 200), (99, 99), (300, 30), (64, 64)]):
        Image.new("RGB", size, (number, 0, 0)).save(tmp_path / "photos" / f"{number}.png")
    splits = _open(tmp_path / "photos", image_size=48, augmentation="imagenet")
    assert splits.train.store.pixels is None
    (batch,) = splits.train.batches(batch_size=3, seed=0, augment=True, shuffle=True)
    assert batch.images.shape == (3, 3, 48, 48)


@pytest.mark.parametrize("folders", [("train",), ("train", "test"), ("Train",)])
def test_a_training_folder_alone_has_a_share_held_out(
    folders: tuple[str, ...], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for number, folder in enumerate(folders):
        _colours(tmp_path / "data" / folder, 10 + number)
    splits = _open(tmp_path / "data", image_size=8, num_rating=4)
    assert splits.class_names == ("cat", "dog")
    assert splits.evaluation is not None
    assert (len(splits.train), len(splits.rating), len(splits.evaluation)) == (12, 4, 4)
    assert ("other folders, which the evaluation split may name, are test" in caplog.text) == ("test" in folders)


@pytest.mark.parametrize("name", ["Val", "VALIDATION", "Valid"])
def test_a_split_is_found_in_any_case(name: str, tmp_path: Path) -> None:
    _colours(tmp_path / "data" / "Train", 10)
    _colours(tmp_path / "data" / name, 3)
    splits = _open(tmp_path / "data", image_size=8, num_rating=4)
    assert splits.evaluation is not None
    assert len(splits.evaluation) == 6


def test_images_of_one_class_can_be_validated_on(tmp_path: Path) -> None:
    _colours(tmp_path / "data", 3, classes=("cat",))
    assert open_images(DataConfig(root=str(tmp_path / "data")), image_size=8).class_names == ("cat",)


def _colours(root: Path, number: int, *, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    for name in classes:
        (root / name).mkdir(parents=True)
        for value in range(number):
            Image.new("RGB", (8, 8), (value, 0, 0)).save(root / name / f"{value}.png")
