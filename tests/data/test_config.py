"""The settings of the data: names and ranges are checked before any image is touched."""

from typing import Any

import pytest

from helixnas.data import DataConfig
from helixnas.errors import ConfigError, UnknownNameError


@pytest.mark.parametrize("name", ["", "digits", "torch/cifar10", "hfds/user/set", "wds/shards", "parquet"])
def test_names_of_timm_and_the_digits_are_known(name: str) -> None:
    assert DataConfig(name=name).name == name


@pytest.mark.parametrize(
    ("name", "nearest"), [("cifar10", "torch/cifar10"), ("digit", "digits"), ("torch/minst", "torch/mnist")]
)
def test_an_unknown_data_set_is_answered_with_the_nearest_names(name: str, nearest: str) -> None:
    with pytest.raises(UnknownNameError, match=f"unknown data set '{name}'; did you mean .*{nearest}"):
        DataConfig(name=name)


def test_a_prefix_without_a_name_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'hfds/'"):
        DataConfig(name="hfds/")


def test_an_unknown_augmentation_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown data.augmentation 'flip'; did you mean flip-crop"):
        DataConfig(augmentation="flip")


def test_an_unknown_interpolation_is_answered_with_the_nearest_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown data.interpolation 'cubic'; did you mean bicubic"):
        DataConfig(interpolation="cubic")


@pytest.mark.parametrize(
    ("field", "value", "limits"),
    [
        ("evaluation_share", 0.0, "above 0 and below 1"),
        ("evaluation_share", float("nan"), "a finite number above 0 and below 1"),
        ("num_rating", 0, "at least 1"),
        ("train_share", 0.0, "above 0 and at most 1"),
        ("train_share", 1.5, "above 0 and at most 1"),
        ("image_size", -1, "at least 0 and at most 4096"),
        ("crop_ratio", 1.5, "above 0 and at most 1"),
        ("num_workers", -1, "at least 0 and at most 256"),
        ("max_unreadable", 1.0, "at least 0 and below 1"),
    ],
)
def test_a_value_out_of_range_is_answered_with_the_range(field: str, value: Any, limits: str) -> None:
    with pytest.raises(ConfigError) as caught:
        DataConfig(**{field: value})
    assert str(caught.value) == f"data.{field} must be {limits}, not {value!r}"


def test_the_digits_have_no_root() -> None:
    with pytest.raises(ConfigError, match="the digits are part of scikit-learn and have no root; remove 'somewhere'"):
        DataConfig(name="digits", root="somewhere")


def test_evaluation_images_without_labels_are_a_contradiction() -> None:
    with pytest.raises(ConfigError, match="labels is false and an accuracy needs labels"):
        DataConfig(root="a", evaluation_root="b", labels=False)
