"""A request: what must be said, what it is called, and the command that makes it again."""

import pytest

from helixnas.data.config import DataConfig
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.start.request import Request


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"data": "photos", "max": {"macs": 1}}, "the teacher is missing; .* --teacher resnet18"),
        ({"teacher": "resnet18", "max": {"macs": 1}}, "the images are missing; .* --data photos"),
        ({"teacher": "resnet18", "data": "photos"}, "the limits are missing; .* --max macs=40%"),
        ({"teacher": "resnet18", "data": "photos", "max": {"macs": "many"}}, "'many' is not an amount"),
        ({"teacher": "resnet18", "data": "photos", "max": {"macs": 1}, "hours": 0.0}, "hours must be above 0"),
    ],
)
def test_a_missing_or_impossible_answer_is_named(answers: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Request(**answers)


def test_a_kind_of_student_that_does_not_exist_is_named() -> None:
    with pytest.raises(UnknownNameError, match="did you mean vit"):
        Request(teacher="resnet18", data="photos", max={"macs": 1}, student="vits")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("digits", DataConfig(name="digits")),
        ("torch/cifar10", DataConfig(name="torch/cifar10", root="data", download=True)),
        ("some/photos", DataConfig(root="some/photos")),
        ("hfds/beans", DataConfig(name="hfds/beans")),
    ],
)
def test_images_are_a_folder_or_a_known_name(data: str, expected: DataConfig) -> None:
    assert Request(teacher="resnet18", data=data, max={"macs": 1}).images == expected


def test_the_name_is_that_of_teacher_and_folder() -> None:
    names = [
        Request(teacher=teacher, data=data, max={"macs": 1}).name
        for teacher, data in (("hf-hub:timm/resnet18.a1", "cifar10/train.tar"), ("vit", "."), ("vit", "photos.tar"))
    ]
    assert names == ["resnet18-cifar10", "vit-images", "vit-photos"]


def test_the_command_holds_every_answer_that_is_not_the_default() -> None:
    request = Request(
        teacher="vit", data="a b", max={"macs": "1M", "params": 5}, student="vit", hours=0.5, imports=("m.py",)
    )
    words = "--max macs=1M --max params=5 --student vit --hours 0.5 --imports m.py"
    assert request.command == f"helixnas init --teacher vit --data 'a b' {words}"
