"""Estimates of the dry run: sizes of the real networks, and times in closed form."""

import itertools
from dataclasses import replace

import pytest

from helixnas.distill import DistillConfig, num_draws
from helixnas.pipeline import estimate
from helixnas.pipeline.estimate import forward_times, sketch
from helixnas.pipeline.recipe import Recipe
from helixnas.space import Block, mbconv


def test_a_sketch_has_the_sizes_of_the_networks_and_no_weights(tiny: Recipe) -> None:
    drawn = sketch(tiny)
    assert (drawn.image_size, drawn.teacher.widths, drawn.space.size) == (8, (8, 12), 24)
    assert all(parameter.is_meta for parameter in drawn.supernet.parameters())


@pytest.mark.parametrize(("of_images", "expected"), [(7, (7, 7)), (None, (10, 10))])
def test_a_sketch_is_for_the_classes_of_the_images_or_for_those_of_the_teacher(
    tiny: Recipe, of_images: int | None, expected: tuple[int, int]
) -> None:
    drawn = sketch(tiny, of_images)
    assert (drawn.num_classes, drawn.teacher.num_classes) == expected


def block_of(depth: int) -> Block:
    """Return a block of one cell of so many layers, each with two operations."""
    return mbconv(cells=(((depth, 8),),), strides=(1,), kernels=(3, 5), expansions=(3,), stem_width=4).blocks[0]


def test_a_cell_of_one_layer_shares_nothing_and_a_deeper_one_its_prefixes() -> None:
    block = block_of(1)
    first, second = (path.text for path in block.cells[0].paths())
    ((mean, shared),) = estimate._cell_macs(block, {(4, first): 10, (4, second): 30})
    assert (mean, shared) == (20, 40)  # both paths
    deep = block_of(2)
    costs = {(width, path.text): 20 for width in (4, 6) for path in deep.cells[0].paths()}
    ((mean, shared),) = estimate._cell_macs(deep, costs)
    assert mean == 20
    assert shared == 20 * (2 * 2 + 2 * 4) / 2  # of layers of 10 each, 4 first ones and 8 second ones


def test_times_are_in_the_order_of_the_work(tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "seconds_per_image", lambda model, size, macs, runtime: float(macs))
    drawn = sketch(tiny)
    times = forward_times(drawn, tiny)  # a multiply-add takes a second
    assert times.teacher > 0
    table = estimate.cost_table(drawn.space, image_size=8, num_classes=10)
    first, second = (block.paths() for block in drawn.space.blocks)
    every = [table.of(drawn.space.architecture(pair))["macs"] for pair in itertools.product(first, second)]
    assert times.network == pytest.approx(sum(every) / len(every), rel=0.2)
    assert times.rating > times.supernet


def test_a_strictly_fair_step_takes_as_long_as_the_paths_it_trains(tiny: Recipe) -> None:
    drawn = sketch(tiny)
    one = forward_times(drawn, tiny)
    fair = forward_times(drawn, replace(tiny, distill=replace(tiny.distill, sampling="strict-fair")))
    paths = [
        num_draws([cell.cell], block.previous_widths, DistillConfig(sampling="strict-fair"), slimmable=False)
        for block in drawn.supernet
        for cell in block
    ]
    assert min(paths) > 1
    ratio = (fair.supernet / fair.network) / (one.supernet / one.network)  # whatever the machine does meanwhile
    assert min(paths) - 1e-6 <= ratio <= max(paths) + 1e-6
