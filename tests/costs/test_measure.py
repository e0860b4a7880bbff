"""Costs summed along the chain are those of the whole network."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from torch import nn

import helixnas.zoo  # noqa: F401 - registers the models
from helixnas.artifacts import CostTable
from helixnas.costs import cost_table
from helixnas.errors import SpaceError
from helixnas.nn import Place, count_all, count_macs, count_params, meta_copy, operations, register_operation
from helixnas.space import (
    Architecture,
    Block,
    Cell,
    Head,
    Operation,
    SearchSpace,
    attention_operation,
    from_code,
    load_space,
    macro,
    mbconv,
    mbconv_operation,
    vit,
)

DIGITS = load_space(
    {
        "family": "mbconv",
        "name": "digits",
        "cells": [[[1, 16], [2, 16], [2, 24]], [[1, 32], [2, 32], [2, 40]], [[1, 48], [2, 48], [2, 64]]],
        "strides": [1, 2, 2],
        "kernels": [3, 5],
        "stem_width": 16,
        "stem_stride": 1,
        "separable_width": 0,
        "head_width": 128,
    }
)

PYRAMID = vit(
    dimensions=((32, 64), (64,), (96, 128)),
    layers=((1,), (2,), (1, 2)),
    strides=(1, 2, 2),
    patch=4,
    image_size=32,
    stem_width=32,
)
MIXED_LAYER = (mbconv_operation(3, 3), mbconv_operation(5, 6), attention_operation(2), attention_operation(4))
MIXED = SearchSpace(
    "mixed",
    macro().stem,
    tuple(Block(2, tuple(Cell(width, (MIXED_LAYER,) * depth) for depth in (1, 2))) for width in (32, 64)),
    Head(64),
)


def whole(architecture: Architecture, size: int, num_classes: int, in_chans: int = 3) -> dict[str, int]:
    """Return the costs of the network built whole."""
    with torch.device("meta"):
        model = timm.create_model("helixnas", arch=architecture, num_classes=num_classes, in_chans=in_chans)
    counts = count_all(model, (1, in_chans, size, size))
    return {
        "params": counts.params,
        "macs": counts.macs,
        "flops": counts.macs + 2 * counts.norm_elements,
        "activation_bytes": counts.activation_bytes,
    }


DEIT_S = " ".join(["384:attn_r4,attn_r4,attn_r4"] * 4)


@pytest.fixture(scope="module")
def digits_table() -> CostTable:
    return cost_table(DIGITS, image_size=16, num_classes=10)


@pytest.mark.parametrize(
    ("space", "size", "num_classes", "in_chans"),
    [
        (mbconv(kernels=(3, 5)), 224, 1000, 3),
        (macro(), 32, 10, 3),
        (DIGITS, 16, 10, 1),
        (mbconv(cells=(((2, 16), (1, 24)), ((1, 24), (1, 40))), strides=(3, 4), head_width=0), 50, 0, 3),
        pytest.param(vit(), 224, 1000, 3, marks=pytest.mark.slow),
        pytest.param(
            vit(per_layer=True, layers=(2,), image_size=96, layer_scale=0.1), 96, 10, 3, marks=pytest.mark.slow
        ),
        (PYRAMID, 32, 10, 3),
        (MIXED, 32, 10, 3),
    ],
    ids=["table 1 small", "macro", "digits", "odd sizes and strides, no head", "vit", "per layer", "pyramid", "mixed"],
)
def test_the_table_gives_the_cost_of_the_whole_network(
    space: SearchSpace, size: int, num_classes: int, in_chans: int
) -> None:
    table = cost_table(space, image_size=size, num_classes=num_classes, in_chans=in_chans)
    rng = np.random.default_rng(7)
    for _ in range(10):
        architecture = space.sample(rng)
        assert table.of(architecture) == whole(architecture, size, num_classes, in_chans), architecture.text


def test_rows_follow_the_paths_after_every_width_before(digits_table: CostTable) -> None:
    table = digits_table
    assert table.num_blocks == 3
    assert (table.path[0], table.previous_width[0], table.width[0]) == ("", 3, 16)
    for number, block in enumerate(DIGITS.blocks, start=1):
        rows = table.rows(number)
        keys = [(int(table.previous_width[row]), table.path[row], int(table.width[row])) for row in rows]
        assert keys == [
            (previous, path.text, path.width)
            for previous in DIGITS.previous_widths(number)
            for path in (path for cell in block.cells for path in cell.paths())
        ]
    heads = table.rows(4)
    assert table.previous_width[heads].tolist() == [48, 64]
    assert table.width[heads].tolist() == [10, 10]
    assert table.facts == {"image_size": 16, "num_classes": 10, "in_chans": 3}


def test_the_width_before_changes_the_cost_of_the_first_layer_only(digits_table: CostTable) -> None:
    table = digits_table
    params = table.resource("params")
    difference = {
        path.text: int(params[table._index[2, 24, path.text]] - params[table._index[2, 16, path.text]])
        for path in DIGITS.blocks[1].paths()
    }
    for text in ("32:mb3_k5", "32:mb3_k5,mb6_k3"):
        hidden, wider = 3 * 16, 3 * 24
        small = 16 * hidden + 25 * hidden + 2 * hidden * 4 + hidden + 4 + hidden * 32 + 4 * hidden
        large = 24 * wider + 25 * wider + 2 * wider * 6 + wider + 6 + wider * 32 + 4 * wider
        assert difference[text] == large - small


def test_the_users_own_operation_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_BUILDERS", dict(operations._BUILDERS))

    @register_operation("plain")
    def plain(operation: Operation, place: Place) -> nn.Module:
        return nn.Conv2d(place.in_width, place.out_width, 1, stride=place.stride, bias=False)

    layer = (Operation.of("plain", kind="plain"), mbconv_operation(3, 3))
    space = SearchSpace("own", macro().stem, (Block(2, (Cell(8, (layer, layer)),)),), Head(0))
    table = cost_table(space, image_size=6, num_classes=0)
    row = table.rows(1)[0]
    assert table.path[row] == "8:plain,plain"
    assert table.resource("params")[row] == 32 * 8 + 8 * 8
    assert table.resource("macs")[row] == 9 * (32 * 8 + 8 * 8)
    assert table.resource("activation_bytes")[row] == 4 * (32 * 36 + 8 * 9)


def test_a_part_is_counted_once_for_all_spaces_unless_its_function_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operations, "_BUILDERS", dict(operations._BUILDERS))
    built: list[int] = []

    def register(kernel: int) -> None:
        @register_operation("counted")
        def counted(operation: Operation, place: Place) -> nn.Module:
            built.append(place.out_width)
            return nn.Conv2d(place.in_width, place.out_width, kernel, padding=kernel // 2, bias=False)

    def params(*widths: int, **options: int) -> list[int]:
        layer = (Operation.of("counted", kind="counted", **options),)
        space = SearchSpace("own", macro().stem, (Block(1, tuple(Cell(width, (layer,)) for width in widths)),), Head(0))
        table = cost_table(space, image_size=4, num_classes=0)
        return [int(table.resource("params")[row]) for row in table.rows(1)]

    register(1)
    assert params(8) == [32 * 8]
    assert params(8, 16) == [32 * 8, 32 * 16]
    assert built == [8, 16]
    assert params(8, option=1) == [32 * 8]
    assert built == [8, 16, 8]
    register(3)
    assert params(8, 16) == [9 * 32 * 8, 9 * 32 * 16]


def test_the_benchmark_lists_the_sizes_that_are_counted(data_root: Path) -> None:
    file = data_root / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
    if not file.is_file():
        pytest.skip(f"NAS-Bench-Macro is not here: no {file}")
    benchmark = json.loads(file.read_text(encoding="utf-8"))
    space = macro()
    table = cost_table(space, image_size=32, num_classes=10)
    chosen = np.random.default_rng(0).choice(sorted(benchmark), size=60, replace=False).tolist()
    listed = {code: (benchmark[code]["params"], benchmark[code]["flops"]) for code in chosen}
    costs = {code: table.of(from_code(code, space)) for code in chosen}
    counted = {code: (cost["params"], cost["macs"]) for code, cost in costs.items()}
    assert counted == listed


def test_a_vision_transformer_costs_its_closed_form() -> None:
    table, architecture = cost_table(vit(), image_size=224, num_classes=1000), vit().parse(DEIT_S)
    tokens, width, layers = 14**2, 384, 12
    macs = tokens * 3 * 16**2 * width + layers * (12 * tokens * width**2 + 2 * tokens**2 * width) + width * 1000
    assert table.of(architecture)["macs"] == macs
    layer = 12 * width**2 + 13 * width  # weights, then biases (9) and norms (4)
    params = 3 * 16**2 * width + width + tokens * width + layers * layer + 2 * width + width * 1000 + 1000
    assert table.of(architecture)["params"] == params
    assert table.of(architecture)["activation_bytes"] == 4 * 6 * tokens * width


def test_a_network_of_the_space_is_deit_s_but_for_its_class_token() -> None:
    table = cost_table(vit(), image_size=224, num_classes=1000)
    own = table.of(vit().parse(DEIT_S))
    with torch.device("meta"):
        deit = timm.create_model("deit_small_patch16_224")
    token_and_its_position = 2 * 384
    assert count_params(deit) == 22_050_664
    assert own["params"] == count_params(deit) - token_and_its_position
    # attention over one token more, in its own products and in those of every linear layer
    of_token = 12 * (12 * 384**2 + 2 * 384 * (197**2 - 196**2))
    assert own["macs"] == count_macs(meta_copy(deit), (1, 3, 224, 224)) - of_token
    assert round(own["macs"] / 1e9, 1) == 4.6


def test_images_that_a_space_cannot_take_are_refused() -> None:
    with pytest.raises(SpaceError, match="images of 226 pixels do not fit space 'vit': .* fit are 224 and 240"):
        cost_table(vit(), image_size=226, num_classes=10)
    with pytest.raises(
        SpaceError, match="attn_r2 in block 2 cannot cut 5 pixels into patches of 2, where mb3_k3 gives 3 x 3"
    ):
        cost_table(MIXED, image_size=10, num_classes=10)
