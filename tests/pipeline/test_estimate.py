"""Estimates of the dry run: sizes of the real networks, and times in closed form."""

import itertools
from dataclasses import replace

import pytest
import timm

from helixnas.distill import DistillConfig, num_draws
from helixnas.engine import Runtime
from helixnas.pipeline import estimate
from helixnas.pipeline.estimate import forward_macs, forward_times, roofline_times, seconds_per_image, sketch
from helixnas.pipeline.hardware.devices import DEVICES
from helixnas.pipeline.recipe import Recipe


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


def test_a_network_that_looks_values_up_can_be_timed(tiny: Recipe) -> None:
    model = timm.create_model(
        "swin_tiny_patch4_window7_224", img_size=64, embed_dim=12, depths=(1, 1), num_heads=(1, 2)
    )
    for buffer in model.buffers():
        buffer.fill_(10**6)  # what is in memory that nobody wrote
    assert seconds_per_image(model, 64, 10**6, Runtime(tiny.runtime)) > 0


def test_blocks_alone_add_up_to_the_whole_and_each_runs_the_teacher(tiny: Recipe) -> None:
    whole = forward_macs(sketch(tiny), tiny)
    assert len(whole.of_blocks) == 2
    assert sum(each.supernet for each in whole.of_blocks) == whole.supernet
    assert sum(each.rating for each in whole.of_blocks) == whole.rating
    assert {(each.teacher, each.network) for each in whole.of_blocks} == {(whole.teacher, whole.network)}


def test_a_faster_device_takes_less_time_and_nothing_is_computed(tiny: Recipe) -> None:
    drawn = sketch(tiny)
    slow, fast = (roofline_times(drawn, tiny, DEVICES[name]) for name in ("l4", "h100"))
    macs = forward_macs(drawn, tiny)
    assert all(parameter.is_meta for parameter in drawn.teacher.model.parameters())
    assert slow.supernet >= fast.supernet > 0
    assert slow.supernet / slow.network == pytest.approx(macs.supernet / macs.network)
    assert slow.teacher >= 2 * macs.teacher / DEVICES["l4"].peaks["fp32"]
