"""Architecture: a value that survives text and JSON."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helixnas.errors import SpaceError, UnknownNameError
from helixnas.space import Architecture, Head, Operation, Path, SearchSpace, Stage, macro, mbconv

K3 = Operation.of("mb3_k3", kind="mbconv", kernel=3, expansion=3)
STEM = (Stage(2, Path(16, (Operation.of("conv_k3", kind="conv", kernel=3),))),)
TINY = Architecture(STEM, (Stage(2, Path(24, (K3, K3))), Stage(1, Path(40, (K3,)))), Head(64))
SPACES = (mbconv(), mbconv(kernels=(3, 5)), macro())


@settings(max_examples=60)
@given(space=st.sampled_from(SPACES), seed=st.integers(0, 2**32))
def test_text_and_json_read_back_give_the_same_architecture(space: SearchSpace, seed: int) -> None:
    architecture = space.sample(np.random.default_rng(seed))
    assert space.parse(architecture.text) == architecture
    assert space.parse(f"  {architecture}\n") == architecture
    back = Architecture.from_json(architecture.to_json())
    assert back == architecture
    assert hash(back) == hash(architecture)
    assert back.to_json() == architecture.to_json()


def test_what_a_network_is_made_of_can_be_asked() -> None:
    assert TINY.text == str(TINY) == "24:mb3_k3,mb3_k3 40:mb3_k3"
    assert [str(path) for path in TINY.paths] == ["24:mb3_k3,mb3_k3", "40:mb3_k3"]
    assert (TINY.depth, TINY.stride) == (3, 4)
    assert [operation.name for operation in TINY.operations] == ["conv_k3", "mb3_k3", "mb3_k3", "mb3_k3"]
    assert TINY.to_dict()["text"] == TINY.text


def test_a_head_left_out_of_the_call_is_that_of_efficientnet() -> None:
    assert Architecture(STEM, TINY.blocks).head == Head(1280, "silu")


@pytest.mark.parametrize(
    ("build", "sentence"),
    [
        (lambda: Path(0, (K3,)), "a path's width must be at least 1 channel, not 0"),
        (lambda: Path(8, ()), "a path of width 8 needs at least one layer"),
        (lambda: Stage(0, Path(8, (K3,))), "a stride must be at least 1, not 0"),
        (lambda: Head(-1), "a head's width must be at least 0 channels, not -1"),
        (lambda: Architecture(STEM, ()), "an architecture needs at least one block"),
        (
            lambda: Architecture(STEM, (Stage(1, Path(8, (K3, Operation.of("mb3_k3", kind="conv")))),)),
            "two different operations of one architecture are both named 'mb3_k3'",
        ),
    ],
)
def test_what_cannot_be_a_network_is_refused(build: Any, sentence: str) -> None:
    with pytest.raises(SpaceError) as caught:
        build()
    assert str(caught.value) == sentence


def changed(**fields: Any) -> dict[str, Any]:
    """Return the plain values of `TINY` with other fields; None leaves a field out."""
    values = {**TINY.to_dict(), **fields}
    return {name: value for name, value in values.items() if value is not None}


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "not an architecture: the field 'format' must be 'helixnas-architecture'"),
        (changed(format="other"), "not an architecture: the field 'format' must be 'helixnas-architecture'"),
        (changed(version=2), "the architecture has format version 2; this HelixNAS reads 1"),
        (changed(version=None), "the architecture has format version None; this HelixNAS reads 1"),
        (changed(stem=None), "not an architecture: the field 'stem' is missing"),
        (changed(head={"width": 64}), "not an architecture: the field 'activation' is missing"),
        (changed(blocks=[]), "an architecture needs at least one block"),
        (changed(blocks=3), "not an architecture: a field is of the wrong type ("),
        (changed(operations=[]), "not an architecture: a field is of the wrong type ("),
        (
            changed(head={"width": "wide", "activation": "silu"}),
            "the width of the head must be a whole number, not 'wide'",
        ),
        (changed(blocks=[{"stride": 2, "width": 24.5, "operations": []}]), "width must be a whole number, not 24.5"),
    ],
)
def test_values_that_are_no_architecture_are_refused_with_the_field(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpaceError) as caught:
        Architecture.from_dict(values)
    assert str(caught.value).startswith(sentence)


def test_a_stage_of_an_undefined_operation_is_answered_with_the_nearest() -> None:
    blocks = [{"stride": 2, "width": 24, "operations": ["mb3_k33"]}]
    with pytest.raises(UnknownNameError, match="unknown operation 'mb3_k33'; did you mean mb3_k3?"):
        Architecture.from_dict(changed(blocks=blocks))


def test_truncated_json_is_refused_with_its_line() -> None:
    text = TINY.to_json()
    with pytest.raises(SpaceError, match="not an architecture: invalid JSON at line [0-9]+: "):
        Architecture.from_json(text[: len(text) // 2])


@pytest.mark.parametrize("text", ["[]", "3", "null", '"text"'])
def test_json_of_something_else_is_refused(text: str) -> None:
    with pytest.raises(SpaceError, match="not an architecture: the field 'format'"):
        Architecture.from_json(text)


def test_the_json_is_plain_and_complete() -> None:
    values = json.loads(TINY.to_json())
    assert list(values) == ["format", "version", "text", "stem", "blocks", "head", "operations"]
    assert values["blocks"][1] == {"stride": 1, "width": 40, "operations": ["mb3_k3"]}
    assert values["operations"]["mb3_k3"] == {"kind": "mbconv", "expansion": 3, "kernel": 3}
