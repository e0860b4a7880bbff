"""Families of spaces: strides, widths, and the networks at their ends."""

from collections.abc import Callable

import numpy as np
import pytest

from helixnas.costs import cost_table
from helixnas.space import check_image_size, load_space
from helixnas.space.extremes import largest_of, smallest_of
from helixnas.start.spaces import SHARES, definition
from helixnas.start.teacher_facts import TeacherFacts

Look = Callable[..., TeacherFacts]


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_blocks_have_the_strides_that_the_teacher_is_cut_at(looked_at: Look, name: str) -> None:
    facts = looked_at(name)
    for share in (SHARES[0], 0.5, SHARES[-1]):
        for choices in (0, 1, 2):
            space = load_space(definition(facts, share=share, depth=2, choices=choices))
            assert space.strides == facts.strides
            check_image_size(space, facts.image_size)


def test_a_stem_that_shrinks_more_is_written_out(looked_at: Look) -> None:
    facts = looked_at("test_vit", student="mbconv", image_size=64)
    space = load_space(definition(facts, share=0.5, depth=1))
    assert space.strides == facts.strides
    assert [stage.stride for stage in space.stem] == [2, 2, 2]


@pytest.mark.parametrize("name", ["test_resnet", "test_vit"])
def test_no_network_is_cheaper_than_the_smallest(looked_at: Look, name: str) -> None:
    facts = looked_at(name)
    space = load_space(definition(facts, share=0.3, depth=1, choices=2))
    table = cost_table(space, image_size=facts.image_size, num_classes=3)
    smallest, largest = table.of(smallest_of(space)), table.of(largest_of(space))
    rng = np.random.default_rng(0)
    for _ in range(100):
        drawn = table.of(space.sample(rng))
        assert all(drawn[resource] >= smallest[resource] for resource in smallest)
        assert drawn["macs"] <= 1.3 * largest["macs"]
    assert smallest["macs"] < 0.6 * largest["macs"]


def test_widths_follow_the_teachers(looked_at: Look) -> None:
    facts = looked_at("test_resnet")
    cells = definition(facts, share=1.0, depth=2)["cells"]
    assert [block[0] for block in cells] == [[2, max(8, 8 * round(width / 8))] for width in facts.widths]
    assert all(block[2][1] > block[0][1] for block in cells)
