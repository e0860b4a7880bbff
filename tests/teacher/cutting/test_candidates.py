import timm
import torch
from torch import nn

from helixnas.teacher import cut_candidates
from helixnas.teacher.cutting.candidates import declared_stages, last_at_each_stride


def test_inner_branches_are_not_offered() -> None:
    model = timm.create_model("test_vit", img_size=64)
    names = [each.name for each in cut_candidates(model, (64, 64))]
    assert [name for name in names if name.startswith("blocks")] == [f"blocks.{k}" for k in range(6)]


def test_a_stage_has_the_name_that_timm_gives_it_and_nothing_follows_the_last() -> None:
    found = cut_candidates(timm.create_model("test_efficientnet"), (64, 64))
    assert [each.name for each in found if each.name.startswith("blocks")] == [f"blocks.{k}" for k in range(5)]
    assert found[-1].name == "blocks.4"


def test_every_branch_of_a_module_is_a_candidate() -> None:
    found = cut_candidates(timm.create_model("hrnet_w18_small"), (64, 64))
    assert [each.stride for each in found if each.name == "stage4"] == [4, 8, 16, 32]
    assert [each.layout.item for each in found if each.name == "stage4"] == [0, 1, 2, 3]
    last = last_at_each_stride(found)
    assert [each.name for each in last.values()][1:] == ["stage2", "stage3", "stage4", "final_layer"]


def test_candidates_are_found_without_computing_anything() -> None:
    with torch.device("meta"):
        model = nn.Sequential(nn.Conv2d(1, 8, 2, stride=2), nn.Flatten())
    (candidate,) = cut_candidates(model, (8, 4), in_chans=1)
    assert (candidate.name, candidate.stride, candidate.channels, candidate.size) == ("0", 2, 8, (4, 2))
    assert candidate.macs == 8 * 4 * 8


def test_single_pixels_that_a_head_pools_are_left_out() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 2, stride=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    assert [each.name for each in cut_candidates(model, (8, 8))] == ["0"]


def test_stages_are_those_that_timm_names() -> None:
    assert declared_stages(timm.create_model("test_resnet"))[-1] == (32, "layer4")
    assert declared_stages(nn.Sequential(nn.ReLU())) == []
