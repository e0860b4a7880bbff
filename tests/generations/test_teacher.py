"""The next teacher: its size, where it is cut, and what is refused."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from helixnas.errors import ConfigError
from helixnas.generations.teacher import ScaledTeacher, scaled_teacher
from helixnas.pipeline.generations_config import NextTeacherConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.space import Architecture, Scaled, from_code, join_architecture, load_space, mbconv, scale, vit
from helixnas.space.channel import from_widths
from helixnas.space.scaling import DEPTH, WIDTH
from helixnas.supernet import build_supernet
from helixnas.supernet.config import SupernetConfig
from helixnas.teacher import build_teacher
from helixnas.zoo.sizes import bracket, count_architecture

FIRST = {"params": 2_000_000, "macs": 120_000_000}
SIZE = {"image_size": 32, "num_classes": 10}
MACRO = from_code("12012020")
DEEP = from_code("22222222")


def rule(winner: Architecture, deeper: float = DEPTH) -> Callable[[float], Scaled]:
    return lambda steps: scale(winner, width=WIDTH**steps, depth=deeper**steps)


def scaled(winner: Architecture = MACRO, **settings: Any) -> ScaledTeacher:
    return scaled_teacher(winner, NextTeacherConfig(**settings), first=FIRST, number=2, **SIZE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("settings", "resource", "most"),
    [
        ({}, "params", 2_000_000),
        ({"params": "150%"}, "params", 3_000_000),
        ({"params": "4M"}, "params", 4_000_000),
        ({"macs": "100%"}, "macs", 120_000_000),
        ({"macs": 200_000_000}, "macs", 200_000_000),
    ],
)
def test_a_teacher_is_the_largest_of_the_compound_rule_that_is_not_above_the_size(
    settings: dict[str, str | int], resource: str, most: int
) -> None:
    found = scaled(**settings)
    above = bracket(rule(MACRO), resource, most, **SIZE).above.architecture
    assert found.costs[resource] <= most < count_architecture(above, **SIZE)[resource]
    assert found.costs == count_architecture(found.architecture, **SIZE)


def test_factors_scale_widths_and_depths_and_nothing_else() -> None:
    found = scaled(width=1.5, depth=2.0).architecture
    assert [stage.path.width for stage in found.blocks] == [96, 192, 384]
    assert [stage.path.depth for stage in found.blocks] == [2 * path.depth for path in MACRO.paths]
    assert scaled(depth=2.0).architecture.blocks[0].path.width == 64


def test_the_teacher_has_the_strides_of_the_space_at_its_boundaries_and_trains() -> None:
    config = scaled(width=1.25).config
    space = load_space("macro")
    teacher = build_teacher(config, strides=space.strides, num_classes=10, input_size=(32, 32), seed=0, frozen=False)
    sizes = [size for size, _ in teacher.feature_sizes]
    assert teacher.boundaries == ("blocks.0", "blocks.1", "blocks.2")
    assert teacher.widths == (80, 160, 320)
    assert sizes == [16, 8, 4]
    assert teacher(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_joined_blocks_are_cut_behind_their_last_section() -> None:
    joined = join_architecture(MACRO, (2, 1))
    found = scaled(joined, width=1.0)
    assert len(found.architecture.blocks) == 3
    assert found.boundaries == ("blocks.1", "blocks.2")


def test_where_widths_agree_with_the_space_the_interface_needs_no_adapters() -> None:
    space = load_space("macro")
    unscaled = scaled(width=1.0)
    widths = tuple(stage.path.width for stage in unscaled.architecture.blocks)
    with torch.device("meta"):
        supernet = build_supernet(space, widths, config=SupernetConfig(), seed=0)
        wider = build_supernet(space, tuple(2 * width for width in widths), config=SupernetConfig(), seed=0)
    adapters = {name for name, _ in wider.named_parameters()} - {name for name, _ in supernet.named_parameters()}
    assert {name.split(".")[4] for name in adapters} == {"entries", "exit"}
    exits = [name for name, _ in supernet.named_parameters() if "exit" in name]
    assert not exits


def test_by_default_a_winner_larger_than_the_first_teacher_teaches_unscaled() -> None:
    small = {"params": 1000, "macs": 1000}
    found = scaled_teacher(MACRO, NextTeacherConfig(), first=small, number=2, **SIZE)
    assert found.architecture == MACRO
    assert "more than the first teacher's 1,000" in found.note


def test_a_size_below_the_winners_is_refused_with_the_least_one_that_would_do() -> None:
    own = count_architecture(MACRO, **SIZE)["params"]
    with pytest.raises(
        ConfigError, match=rf"asks for 1,000 in generation 2, but .* has {own:,} params; choose at least"
    ):
        scaled(params=1000)
    assert scaled(params=own).costs["params"] <= own


@pytest.mark.parametrize("settings", [{"width": 0.5}, {"depth": 0.4}])
def test_factors_that_make_the_teacher_smaller_than_the_winner_are_told(settings: dict[str, float]) -> None:
    own, deep = count_architecture(DEEP, **SIZE), scaled(DEEP, **settings)
    assert deep.costs["params"] < own["params"]
    assert f"{deep.costs['params']:,} params against {own['params']:,}" in deep.note
    assert scaled(DEEP, width=1.0).note == ""


TINY_SIZE = {"image_size": 8, "num_classes": 10}


def test_where_a_layer_more_is_too_much_the_teacher_gets_wider_only() -> None:
    winner = load_space("macro").parse("64:mb6_k5 128:mb6_k5 256:mb6_k5")  # the next step doubles its depth
    below, above = bracket(rule(winner), "macs", 50_000_000, **SIZE)
    assert below is not None
    assert count_architecture(below.architecture, **SIZE)["macs"] < 0.8 * 50_000_000
    found = scaled(winner, macs="50M")
    assert 45_000_000 <= found.costs["macs"] <= 50_000_000
    assert found.architecture.depth == winner.depth < above.architecture.depth
    assert found.note.startswith("wider only")


def test_a_size_that_no_scaling_comes_near_is_refused_with_the_nearest(tiny: Recipe) -> None:
    winner = load_space(tiny.space).parse("8:mb3_k3 12:mb6_k3")
    own = count_architecture(winner, **TINY_SIZE)["params"]
    sizes = [
        count_architecture(each.architecture, **TINY_SIZE)["params"]
        for deeper in (1.0, DEPTH)
        for each in bracket(rule(winner, deeper), "params", int(1.6 * own), **TINY_SIZE)
        if each is not None
    ]
    assert max(size for size in sizes if size <= 1.6 * own) < 0.8 * 1.6 * own
    named = " and ".join(f"{size:,}" for size in sorted(set(sizes)))
    with pytest.raises(ConfigError, match=f"the nearest sizes are {named} params: choose one of these"):
        scaled_teacher(winner, NextTeacherConfig(params=int(1.6 * own)), first=FIRST, number=2, **TINY_SIZE)


def test_without_a_size_too_the_teacher_gets_wider_where_a_layer_more_is_too_much() -> None:
    winner = load_space("macro").parse("64:mb6_k5 128:mb6_k5 256:mb6_k5")
    own = count_architecture(winner, **SIZE)
    found = scaled_teacher(winner, NextTeacherConfig(), first={**own, "params": 2 * own["params"]}, number=2, **SIZE)
    assert 1.8 * own["params"] <= found.costs["params"] <= 2 * own["params"]
    assert found.note == "wider only, since a layer more in every block would be too much"


def test_a_default_teacher_far_below_the_first_one_is_told(tiny: Recipe) -> None:
    winner = load_space(tiny.space).parse("8:mb3_k3 12:mb6_k3")
    own = count_architecture(winner, **TINY_SIZE)["params"]
    first = {"params": int(1.6 * own), "macs": 0}
    found = scaled_teacher(winner, NextTeacherConfig(), first=first, number=2, **TINY_SIZE)
    assert own <= found.costs["params"] < 0.8 * first["params"]
    share = f"{found.costs['params'] / first['params']:.0%}"
    assert f"{found.costs['params']:,} params are {share} of the {first['params']:,} it may have" in found.note


@pytest.mark.parametrize("text", ["12:mb3_k3 12:mb6_k3", "20:mb3_k3 12:mb6_k3"])
def test_widths_that_are_no_multiples_of_eight_never_make_a_teacher_smaller_than_the_winner(text: str) -> None:
    space = mbconv(
        cells=(((1, 12), (1, 20)), ((1, 12),)),
        strides=(2, 2),
        kernels=(3,),
        stem_width=12,
        separable_width=0,
        head_width=0,
    )
    winner = space.parse(text)
    own = count_architecture(winner, **TINY_SIZE)["params"]
    asked = scaled_teacher(winner, NextTeacherConfig(params=own), first=FIRST, number=2, **TINY_SIZE)
    assert (asked.architecture, asked.note) == (winner, "")
    first = {"params": int(1.1 * own), "macs": 0}
    found = scaled_teacher(winner, NextTeacherConfig(), first=first, number=2, **TINY_SIZE)
    assert own <= found.costs["params"] <= first["params"]


def test_winners_of_the_channel_space_can_be_scaled_too() -> None:
    winner = from_widths("1111111")
    own = count_architecture(winner, **SIZE)
    assert scaled(winner, width=1.0).costs == own
    found = scaled(winner, macs=2 * own["macs"])
    assert 1.6 * own["macs"] <= found.costs["macs"] <= 2 * own["macs"]
    assert found.architecture.stem == winner.stem


def test_winners_of_a_space_of_transformers_can_be_scaled_too() -> None:
    space = vit(dimensions=(32, 64), layers=(1,), strides=(1, 1), patch=4, image_size=8, stem_width=32)
    winner = space.parse("32:attn_r2_5 64:attn_r4")
    own = count_architecture(winner, **TINY_SIZE)
    assert scaled_teacher(winner, NextTeacherConfig(width=1.0), first=FIRST, number=2, **TINY_SIZE).costs == own
    found = scaled_teacher(winner, NextTeacherConfig(width=1.5, depth=2.0), first=FIRST, number=2, **TINY_SIZE)
    assert found.costs["params"] > 2 * own["params"]
    assert all(stage.path.width % 32 == 0 for stage in found.architecture.blocks)
