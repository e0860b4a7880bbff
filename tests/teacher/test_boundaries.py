import pytest
import timm
import torch
from torch import nn

from helixnas.errors import TeacherError
from helixnas.teacher import cut_candidates, default_boundaries


def plain() -> nn.Sequential:
    block = nn.Sequential(nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.ReLU())
    return nn.Sequential(nn.Conv2d(3, 4, 3, stride=2, padding=1), nn.ReLU(), block, nn.Flatten(), nn.LazyLinear(5))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("test_efficientnet", ("blocks.1", "blocks.2", "blocks.3", "blocks.4")),
        ("test_resnet", ("layer1", "layer2", "layer3", "layer4")),
        ("test_convnext", ("stages.0", "stages.1", "stages.2", "stages.3")),
    ],
)
def test_default_boundaries_are_the_last_module_at_each_stride(model: str, expected: tuple[str, ...]) -> None:
    assert default_boundaries(timm.create_model(model), (4, 8, 16, 32), (64, 64)) == expected
    assert default_boundaries(timm.create_model(model), (8, 32), (64, 64)) == (expected[1], expected[3])


def test_a_plain_network_is_watched_for_its_strides() -> None:
    assert default_boundaries(plain(), (2, 4), (16, 16)) == ("1", "2")


def test_an_odd_size_rounds_to_the_same_stride() -> None:
    assert default_boundaries(plain(), (2, 4), (15, 17)) == ("1", "2")
    assert [each.size for each in cut_candidates(plain(), (15, 17))][-1] == (4, 5)


def test_blocks_that_share_a_stride_get_the_modules_to_choose_from() -> None:
    model = timm.create_model("efficientnet_lite0")
    with pytest.raises(TeacherError) as caught:
        default_boundaries(model, (4, 8, 16, 16, 32, 32), (64, 64))
    assert str(caught.value) == (
        "blocks at strides [4, 8, 16, 16, 32, 32] share stride 16, so the boundaries are ambiguous; "
        "name one module per block in teacher.boundaries, from: "
        "stride 4: blocks.1 (24 channels, 16 x 16); stride 8: blocks.2 (40 channels, 8 x 8); "
        "stride 16: blocks.3 (80 channels, 4 x 4), blocks.4 (112 channels, 4 x 4); "
        "stride 32: blocks.5 (192 channels, 2 x 2), blocks.6 (320 channels, 2 x 2)"
    )


def test_a_stage_is_opened_where_it_is_too_coarse() -> None:
    with pytest.raises(TeacherError, match=r"stride 16: s3\.b1 \(152 channels, 2 x 2\), s3\.b2 .*, s3 \(152 channels"):
        default_boundaries(timm.create_model("regnetx_002"), (4, 8, 16, 16), (32, 32))


def test_a_transformer_of_one_stride_is_cut_into_equal_shares_of_its_blocks() -> None:
    model = timm.create_model("test_vit", img_size=64)
    assert default_boundaries(model, (16, 16), (64, 64)) == ("blocks.2", "blocks.5")
    assert default_boundaries(model, (16,) * 4, (64, 64)) == ("blocks.0", "blocks.2", "blocks.3", "blocks.5")
    with pytest.raises(TeacherError, match=r"share stride 16, .* blocks\.0 \(64 channels, 4 x 4\), "):
        default_boundaries(model, (16,) * 7, (64, 64))


def test_modules_that_do_not_run_are_replaced_by_those_that_do() -> None:
    model = timm.create_model("coat_tiny", img_size=64)
    chosen = default_boundaries(model, (4, 8, 16), (64, 64))
    assert chosen == ("serial_blocks1.1", "serial_blocks2.1", "serial_blocks3.1")


def test_a_stride_that_is_not_there_gets_those_that_are() -> None:
    message = (
        r"no module at stride 2 \(the blocks have strides \[2, 4\]\); it has stride 4: stages\.0; stride 8: stages\.1"
    )
    with pytest.raises(TeacherError, match=message):
        default_boundaries(timm.create_model("test_convnext"), (2, 4), (64, 64))


def test_candidates_are_found_without_computing_anything() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(1, 8, 2, stride=2), nn.Flatten())
    (candidate,) = cut_candidates(model, (8, 4), in_chans=1)
    assert (candidate.name, candidate.stride, candidate.channels, candidate.size) == ("0", 2, 8, (4, 2))
