import pytest
import timm
from torch import Tensor, nn

from helixnas.errors import TeacherError
from helixnas.teacher import cut_candidates, default_boundaries, default_cut


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


def cuts(model: nn.Module, strides: tuple[int, ...], side: int) -> list[tuple[str, str]]:
    return [(cut.boundary.name, cut.reason) for cut in default_cut(model, strides, (side, side))]


def test_blocks_that_share_a_stride_share_the_teachers_work_up_to_there() -> None:
    assert cuts(timm.create_model("efficientnet_lite0"), (4, 8, 16, 16, 32, 32), 64) == [
        ("blocks.1", "the last at stride 4"),
        ("blocks.2", "the last at stride 8"),
        ("blocks.4.0", "49 % of the multiply-adds from blocks.2 to blocks.4, aim 50 %"),
        ("blocks.4", "the last at stride 16"),
        ("blocks.5.2", "56 % of the multiply-adds from blocks.4 to blocks.6, aim 50 %"),
        ("blocks.6", "the last at stride 32"),
    ]


def test_a_stage_is_opened_where_it_is_too_coarse() -> None:
    assert default_boundaries(timm.create_model("regnetx_002"), (4, 8, 16, 16), (64, 64)) == ("s1", "s2", "s3.b2", "s3")


def test_a_transformer_of_one_stride_is_cut_into_equal_shares() -> None:
    model = timm.create_model("test_vit", img_size=64)
    assert cuts(model, (16, 16, 16), 64) == [
        ("blocks.0", "29 % of the multiply-adds, aim 33 %"),
        ("blocks.3", "72 % of the multiply-adds, aim 67 %"),
        ("blocks.5", "the last place to cut"),
    ]
    with pytest.raises(TeacherError, match=r"cut at 8 places before blocks\.5 .* but has only 6 .*: pos_drop \(64 ch"):
        default_boundaries(model, (16,) * 9, (64, 64))


def test_a_student_of_one_stride_shares_the_whole_of_a_pyramid_up_to_its_end() -> None:
    model = timm.create_model("efficientnet_lite0")
    found = default_cut(model, (16,) * 4, (64, 64))
    assert [cut.boundary.stride for cut in found] == [8, 16, 16, 32]
    assert [cut.boundary.name for cut in found][-1] == "blocks.6"


def test_a_coarser_student_takes_the_finer_features_of_a_transformer() -> None:
    model = timm.create_model("test_vit", img_size=64)
    assert cuts(model, (16, 32), 64) == [
        ("blocks.1", "43 % of the multiply-adds up to blocks.5, aim 50 %"),
        ("blocks.5", "the last at stride 16, the largest of the teacher's up to 32"),
    ]


def test_a_finer_student_ends_at_the_teachers_first_stride() -> None:
    model = timm.create_model("test_vit", img_size=64)
    assert cuts(model, (8,), 64) == [("blocks.5", "the last at stride 16, the smallest of the teacher's from 8")]


@pytest.mark.parametrize("strides", [(4, 8, 16, 32), (8, 8)])
def test_a_teacher_coarser_than_the_student_is_refused_with_both_grids(strides: tuple[int, ...]) -> None:
    side = 64 // strides[0]
    message = (
        rf"block 1 of the space has features of {side} x {side} pixels \(stride {strides[0]}\), but each of the teacher's is "
        r"coarser, and nothing is upsampled: 4 x 4 \(.*a space whose block 1 has a stride of 16 or more"
    )
    with pytest.raises(TeacherError, match=message):
        default_boundaries(timm.create_model("test_vit", img_size=64), strides, (64, 64))


def test_grids_that_whole_windows_do_not_connect_are_refused() -> None:
    model = timm.create_model("test_vit", img_size=112, patch_size=14)
    message = (
        r"has features of 7 x 7 pixels \(stride 16\), but each of the teacher's is no whole multiple of that: 8 x 8 \("
    )
    with pytest.raises(TeacherError, match=message):
        default_boundaries(model, (16, 16), (112, 112))


class Summed(nn.Module):
    """Adds to its last features those before, so that they alone decide nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, 4, 2, stride=2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        return self.second(x).mean((2, 3)) + x.mean((2, 3))


def test_a_module_that_is_passed_by_is_taken_for_want_of_another_and_said() -> None:
    assert cuts(Summed(), (2, 4), 16) == [
        ("first", "the last at stride 2"),
        ("second", "the last at stride 4; information also flows beside it"),
    ]


def test_a_module_with_several_branches_is_cut_once() -> None:
    model = timm.create_model("coat_tiny", img_size=64)
    assert default_boundaries(model, (4, 8, 16, 32), (64, 64)) == (
        "serial_blocks1.1",
        "serial_blocks2.1",
        "parallel_blocks.0",
        "parallel_blocks.5",
    )


def test_modules_that_do_not_run_are_replaced_by_those_that_do() -> None:
    model = timm.create_model("coat_tiny", img_size=64)
    chosen = default_boundaries(model, (4, 8, 16), (64, 64))
    assert chosen == ("serial_blocks1.1", "serial_blocks2.1", "parallel_blocks.0")
