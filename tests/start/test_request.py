"""A request: what must be said, what it is called, and the command that makes it again."""

from pathlib import Path

import pytest

from helixnas.data.config import DataConfig
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.start.request import Request, beside


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"data": "photos", "max": {"macs": 1}}, "the teacher is missing; .* --teacher resnet18"),
        ({"teacher": "resnet18", "max": {"macs": 1}}, "the images are missing; .* --data photos"),
        ({"teacher": "resnet18", "data": "photos"}, "the limits are missing; .* --max macs=40%"),
        ({"teacher": "resnet18", "data": "photos", "max": {"macs": "many"}}, "'many' is not an amount"),
        ({"teacher": "resnet18", "data": "photos", "max": {"macs": 1}, "hours": 0.0}, "hours must be above 0"),
        (
            {"teacher": "resnet18", "data": "photos", "max": {"macs": 1}, "latency_runtime": "onnxruntime-cpu"},
            "--latency-runtime onnxruntime-cpu measures nothing, because no latency is limited; add --max latency_ms=8",
        ),
        (
            {"teacher": "resnet18", "data": "wds/birds", "max": {"macs": 1}},
            "wds/birds names shards, whose folder only a recipe can give; .* set data.name to wds/birds and data.root to",
        ),
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


@pytest.mark.parametrize("file", ["train-0.parquet", "data/train-00000-of-00001.parquet"])
def test_a_folder_of_parquet_files_is_known_as_one(tmp_path: Path, file: str) -> None:
    path = tmp_path / "hub" / file
    path.parent.mkdir(parents=True)
    path.touch()
    for root in (tmp_path / "hub", path):
        images = Request(teacher="resnet18", data=str(root), max={"macs": 1}).images
        assert images == DataConfig(name="parquet", root=str(root))


@pytest.mark.parametrize("image", ["cat/1.jpg", "1.jpg"])
def test_a_table_beside_images_does_not_make_their_folder_one_of_parquet_files(tmp_path: Path, image: str) -> None:
    for name in ("about.parquet", image):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert Request(teacher="resnet18", data=str(tmp_path), max={"macs": 1}).images == DataConfig(root=str(tmp_path))


def test_the_name_is_that_of_teacher_and_folder() -> None:
    names = [
        Request(teacher=teacher, data=data, max={"macs": 1}).name
        for teacher, data in (
            ("hf-hub:timm/resnet18.a1", "cifar10/train.tar"),
            ("vit", "."),
            ("vit", "a/photos.parquet"),
        )
    ]
    assert names == ["resnet18-cifar10", "vit-images", "vit-photos"]


def test_the_command_holds_every_answer_that_is_not_the_default() -> None:
    request = Request(
        teacher="vit", data="a b", max={"macs": "1M", "params": 5}, student="vit", hours=0.5, imports=("m.py",)
    )
    words = "--max macs=1M --max params=5 --student vit --hours 0.5 --imports m.py"
    assert request.command == f"helixnas init --teacher vit --data 'a b' {words}"


def test_the_call_of_a_program_does_not_depend_on_where_the_weights_are_kept() -> None:
    request = Request(
        teacher="given_net_1",
        weights="runs/a-teacher.safetensors",
        data="python/2",
        max={"macs": "40%"},
        boundaries=("a",),
        given=("teacher", "data"),
    )
    assert request.call == (
        "helixnas.search_architecture(given_net_1, python/2, max={'macs': '40%'}, boundaries=['a'])"
    )


def test_nothing_lies_beside_the_root_of_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert beside(Path(), ".yaml") == tmp_path.with_name(f"{tmp_path.name}.yaml")
    with pytest.raises(ConfigError, match="the folder of a run must have a name, for example runs/mine, not /"):
        beside(Path("/"), ".yaml")
