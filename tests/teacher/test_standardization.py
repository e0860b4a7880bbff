from pathlib import Path

import pytest
import torch
from torch import nn

from helixnas.errors import ArtifactError, TeacherError
from helixnas.teacher import (
    Standardization,
    Teacher,
    load_feature_statistics,
    measure_feature_statistics,
    save_feature_statistics,
)


def test_measured_over_all_batches_together() -> None:
    draw = torch.Generator().manual_seed(0)
    images = torch.randn(6, 3, 4, 5, generator=draw) * torch.tensor([1.0, 2.0, 3.0]).reshape(1, 3, 1, 1) + 7
    (unit,) = measure_feature_statistics([(images[:2],), (images[2:],)])
    expected = images.std((0, 2, 3), correction=0)
    torch.testing.assert_close(unit.mean.flatten(), images.mean((0, 2, 3)))
    torch.testing.assert_close(unit.spread.flatten(), expected)
    standard = unit(images)
    torch.testing.assert_close(standard.mean((0, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)
    torch.testing.assert_close(standard.std((0, 2, 3), correction=0), torch.ones(3))
    torch.testing.assert_close(unit.undo(standard), images)


def test_a_channel_that_hardly_varies_is_not_blown_up_and_a_still_block_is_only_centred() -> None:
    draw = torch.Generator().manual_seed(0)
    features = torch.randn(64, 2, 4, 4, generator=draw)
    features[:, 1] *= 1e-6
    (unit,) = measure_feature_statistics([(features,)])
    assert unit(features)[:, 0].std() == pytest.approx(1.0, abs=1e-3)
    assert unit(features)[:, 1].std() < 1e-4
    (still,) = measure_feature_statistics([(torch.full((2, 3, 4, 4), 5.0),)])
    assert torch.equal(still(torch.full((2, 3, 4, 4), 5.0)), torch.zeros(2, 3, 4, 4))


def test_precision_stays_as_it_came() -> None:
    unit = Standardization(torch.zeros(2), torch.full((2,), 2.0))
    features = torch.ones(1, 2, 3, 3, dtype=torch.bfloat16)
    assert unit(features).dtype == unit.undo(features).dtype == torch.bfloat16


def test_what_cannot_be_standardised_is_refused() -> None:
    with pytest.raises(TeacherError, match="feature statistics need at least one batch"):
        measure_feature_statistics([])
    with pytest.raises(TeacherError, match="the teacher's features Y_2 are not finite"):
        measure_feature_statistics([(torch.ones(1, 1, 2, 2), torch.full((1, 1, 2, 2), torch.inf))])


def test_a_teacher_gives_and_takes_features_in_its_units(two_convolutions) -> None:
    teacher, images = two_convolutions(5), torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        own, logits = teacher.features_and_logits(images)
        units = measure_feature_statistics([own[1:]])
        teacher.standardize(units)
        given, same = teacher.features_and_logits(images)
    assert torch.equal(given[0], own[0])
    assert torch.equal(same, logits)
    for features, before, unit in zip(given[1:], own[1:], units, strict=True):
        torch.testing.assert_close(features, unit(before))
    for block in (1, 2):
        last, output = teacher.finish_from(images, block, given[block])
        torch.testing.assert_close(output, logits)
        torch.testing.assert_close(last, given[2], atol=1e-5, rtol=1e-5)
    teacher.standardize(())
    assert torch.equal(teacher.features(images)[1], own[1])


def test_a_teacher_that_learns_also_takes_features_in_its_units() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    teacher = Teacher(model, ("0",), mean=(0.0,), std=(1.0,), input_size=(4, 4), frozen=False)
    teacher.standardize([Standardization(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0]))])
    output = teacher.continue_from(torch.zeros(1, 1, 4, 4), 1, torch.ones(1, 2, 4, 4))
    assert output.tolist() == [[3.0, 6.0]]


def test_units_of_other_widths_are_refused(two_convolutions) -> None:
    with pytest.raises(TeacherError, match=r"features of widths \[6, 8\] cannot have statistics of widths \[6\]"):
        two_convolutions(5).standardize([Standardization(torch.zeros(6), torch.ones(6))])


def test_units_come_back_from_their_folder(tmp_path: Path) -> None:
    units = [Standardization(torch.arange(width).float(), torch.ones(width) + width) for width in (3, 5)]
    assert save_feature_statistics(units, tmp_path) == "units.safetensors"
    back = load_feature_statistics(tmp_path, (3, 5))
    assert all(
        torch.equal(a.mean, b.mean) and torch.equal(a.spread, b.spread) for a, b in zip(back, units, strict=True)
    )
    with pytest.raises(ArtifactError, match=r"units\.safetensors is truncated or damaged"):
        load_feature_statistics(tmp_path, (3, 4))
    (tmp_path / "units.safetensors").write_bytes(b"broken")
    with pytest.raises(ArtifactError, match=r"units\.safetensors is truncated or damaged"):
        load_feature_statistics(tmp_path, (3, 5))
