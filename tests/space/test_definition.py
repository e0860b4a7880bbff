"""Spaces by name, from a file, from a mapping."""

from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.space import Head, SearchSpace, load_space, macro, mbconv, space_to_dict, vit
from helixnas.space import definition as module

MINE: dict[str, Any] = {
    "name": "mine",
    "stem": [{"stride": 2, "width": 16, "operations": ["conv"]}],
    "operations": {
        "conv": {"kind": "conv", "kernel": 3, "activation": "relu"},
        "mb3_k3": {"kind": "mbconv", "kernel": 3, "expansion": 3},
        "mb6_k5": {"kind": "mbconv", "kernel": 5, "expansion": 6},
    },
    "blocks": [
        {
            "stride": 2,
            "cells": [{"width": 24, "layers": 2}, {"width": 24, "layers": [["mb3_k3"], ["mb6_k5"], ["conv"]]}],
        }
    ],
    "head": {"width": 128, "activation": "relu"},
}


def with_cell(**fields: Any) -> dict[str, Any]:
    """Return `MINE` with one cell of other fields."""
    return {**MINE, "blocks": [{"stride": 2, "cells": [{"width": 24, "layers": 1, **fields}]}]}


@pytest.mark.parametrize("space", [mbconv(), macro(), mbconv(cells=(((1, 8),),), strides=(1,), head_width=0)])
def test_a_space_written_as_yaml_reads_back_equal(space: SearchSpace, tmp_path: Path) -> None:
    assert load_space(space_to_dict(space)) == space
    file = tmp_path / "space.yaml"
    file.write_text(yaml.safe_dump(space_to_dict(space)), encoding="utf-8")
    assert load_space(file) == load_space(str(file)) == space


def test_a_number_of_layers_means_every_operation_outside_the_stem() -> None:
    space = load_space(MINE)
    names = [[[op.name for op in layer] for layer in cell.layers] for cell in space.blocks[0].cells]
    assert names == [[["mb3_k3", "mb6_k5"]] * 2, [["mb3_k3"], ["mb6_k5"], ["conv"]]]
    assert (space.size, space.name, space.head.width) == (5, "mine", 128)


def test_name_and_head_may_be_left_out() -> None:
    space = load_space({key: value for key, value in MINE.items() if key not in ("name", "head")})
    assert (space.name, space.head.width, space.head.activation) == ("custom", 1280, "silu")
    assert load_space({**MINE, "head": {"width": 0}}).head.activation == "silu"


def test_the_example_of_the_module_is_a_space() -> None:
    text = (module.__doc__ or "").split("::\n", 1)[1].split("\n\nA number", 1)[0]
    assert load_space(yaml.safe_load(dedent(text))).size == 2**2 + 2


def test_a_family_takes_the_arguments_of_its_builder() -> None:
    assert load_space({"family": "macro", "widths": [8, 16, 32]}) == macro(widths=(8, 16, 32))
    assert load_space("mbconv") == load_space({"family": "mbconv"}) == mbconv()


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ("mbcnov", "unknown space 'mbcnov'; did you mean mbconv"),
        ({"family": "vgg"}, "unknown space family 'vgg'; known: channel, macro, mbconv, vit"),
        ({"family": "mbconv", "kernel": [3]}, "unknown argument of the mbconv space 'kernel'; did you mean kernels?"),
        ({**MINE, "block": []}, "unknown space field 'block'; did you mean blocks?"),
        ({**MINE, "head": {"widht": 3}}, "unknown head field 'widht'; did you mean width?"),
        ({**MINE, "stem": [{"strides": 2}]}, "unknown stem field 'strides'; did you mean stride?"),
        ({**MINE, "blocks": [{"cell": []}]}, "unknown block field 'cell'; did you mean cells?"),
        (with_cell(layer=1), "unknown cell field 'layer'; did you mean layers?"),
        (with_cell(layers=[["mb3_k5"]]), "unknown operation 'mb3_k5'; did you mean "),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(definition: Any, sentence: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        load_space(definition)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("definition", "sentence"),
    [
        ({}, "the space definition lacks the field 'operations'"),
        ({**MINE, "blocks": [{"stride": 2}]}, "the space definition lacks the field 'cells'"),
        ({**MINE, "blocks": []}, "space 'mine' needs at least one block"),
        ({**MINE, "blocks": 3}, "blocks must be a list of parts with a stride each, not 3"),
        ({**MINE, "blocks": [3]}, "part 1 of blocks: the block must be a mapping of its fields, not 3"),
        ({**MINE, "stem": ["conv"]}, "part 1 of stem: the stem must be a mapping of its fields, not 'conv'"),
        ({**MINE, "stem": [{**MINE["stem"][0], "operations": "conv"}]},
         "part 1 of stem: operations must be a list of names, such as [conv], not 'conv'"),
        ({**MINE, "head": 128}, "the head must be a mapping of its fields, not 128"),
        ({**MINE, "head": {"width": "wide"}}, "the width of the head must be a whole number, not 'wide'"),
        ({**MINE, "operations": {"conv": "conv"}}, "operation 'conv' needs a kind"),
        ({**MINE, "operations": ["conv"]}, "operations must map names to kinds and options, such as {conv: {kind: conv"),
        (with_cell(layers=0), "part 1 of blocks: a cell has 1 to 1,000 layers, not 0"),
        (with_cell(layers="mb3_k3"), "part 1 of blocks: layers must be a number, or a list with the operations of each"),
        (with_cell(layers=True), "part 1 of blocks: layers must be a number, or a list with the operations of each layer"),
        (with_cell(layers=["mb3_k3"]), "part 1 of blocks: operations must be a list of names, such as [mb3_k3], not 'mb3"),
        (with_cell(width="wide"), "part 1 of blocks: width must be a whole number, not 'wide'"),
        (with_cell(width=24.5), "part 1 of blocks: width must be a whole number, not 24.5"),
        (with_cell(layers=2, ties=[1.5, 0.5]), "part 1 of blocks: each of ties must be a whole number, not 1.5"),
        (with_cell(layers=2, ties=2), "part 1 of blocks: ties must be a list of numbers of layers that share a choice, not 2"),
        (with_cell(layers=2, sections=3), "part 1 of blocks: sections must be a list of [width, stride, depth], not 3"),
        (with_cell(layers=2, sections=[[24, 1]]), "part 1 of blocks: sections must be a list of [width, stride, depth], not"),
        ({**MINE, "blocks": [{"stride": 2, "cells": 3}]}, "part 1 of blocks: cells must be a list of a width and layers each"),
        ({"family": "mbconv", "strides": [2, 2]}, "cells and strides need one entry per block, not 6 and 2"),
        ({"family": "mbconv", "cells": 3}, "cells of the mbconv space must be a list of lists of lists of whole numbers, not 3"),
        ({"family": "mbconv", "cells": [[[1, 16, 5]]], "strides": [1]}, "each of cells must be two numbers, layers and channels"),
        ({"family": "mbconv", "kernels": "35"}, "kernels of the mbconv space must be a list of whole numbers, not '35'"),
        ({"family": "mbconv", "stem_width": None}, "stem_width of the mbconv space must be a whole number, not null"),
        ({"family": "mbconv", "activation": 3}, "activation of the mbconv space must be text, not 3"),
        ({"family": "macro", "widths": 64}, "widths of the macro space must be a list of whole numbers, not 64"),
        ({"family": "channel", "num_widths": 2.5}, "num_widths of the channel space must be a whole number, not 2.5"),
    ],
)  # fmt: skip
def test_a_malformed_definition_is_refused_with_the_part(definition: Any, sentence: str) -> None:
    with pytest.raises(SpaceError) as caught:
        load_space(definition)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"blocks: [", "is not YAML: while parsing"),
        (b"\xff\xfe\xff", "is not YAML: "),
        (b"name: 2026-99-99", "is not YAML: month must be in 1..12"),
        (b"", "does not hold a space: expected a mapping with 'blocks' or 'family'"),
        (b"- 1", "does not hold a space: expected a mapping with 'blocks' or 'family'"),
    ],
)
def test_a_file_that_holds_no_space_is_named(content: bytes, sentence: str, tmp_path: Path) -> None:
    file = tmp_path / "space.yml"
    file.write_bytes(content)
    with pytest.raises(SpaceError) as caught:
        load_space(file)
    assert str(caught.value).startswith(f"{file} {sentence}")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named() -> None:
    with pytest.raises(SpaceError, match=r"no space file at /nowhere/space\.yaml"):
        load_space("/nowhere/space.yaml")


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "space.yaml"
    file.touch()

    def refuse(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refuse)
    with pytest.raises(SpaceError, match=r"cannot read the space file .*space\.yaml: Permission denied"):
        load_space(file)


def test_a_head_has_a_kind_and_one_that_is_a_norm_needs_no_width() -> None:
    assert load_space({**MINE, "head": {"kind": "norm"}}).head == Head(0, kind="norm")
    assert "kind" not in space_to_dict(load_space(MINE))["head"]  # as in files of before there were kinds
    assert space_to_dict(vit())["head"]["kind"] == "norm"


def test_tied_layers_are_written_in_the_cell() -> None:
    space = load_space(with_cell(layers=3, ties=[1, 2]))
    assert space.blocks[0].cells[0].ties == (1, 2)
    assert space.size == 2 * 2
    assert load_space(space_to_dict(space)) == space
    assert "ties" not in space_to_dict(load_space(MINE))["blocks"][0]["cells"][0]


def test_a_block_may_mix_convolutions_and_attention() -> None:
    operations = {**MINE["operations"], "attn": {"kind": "attention", "head_dim": 8, "mlp_ratio": 2}}
    assert load_space({**MINE, "operations": operations, "blocks": with_cell(layers=2)["blocks"]}).size == 9
