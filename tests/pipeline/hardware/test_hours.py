"""Hours of stages in closed form: on one device, as jobs of blocks, and with shared batches."""

from dataclasses import replace

import pytest

from helixnas.calibration import CalibrationConfig
from helixnas.engine import FitConfig
from helixnas.pipeline import stages
from helixnas.pipeline.hardware.hours import (
    AFTER_THE_SEARCH,
    PAPER,
    SHARED_BATCHES,
    Basis,
    Span,
    basis_of,
    shortest,
    stage_hours,
    total,
)
from helixnas.pipeline.hardware.measured import MeasuredThroughput
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes

BLOCKS = tuple(ForwardTimes(teacher=1.0, network=2.0, supernet=each, rating=each) for each in (1.0, 3.0))
TIMES = ForwardTimes(teacher=1.0, network=2.0, supernet=4.0, rating=4.0, of_blocks=BLOCKS)


@pytest.fixture
def recipe(tiny: Recipe) -> Recipe:
    """1,000 training images, of which each trains 960 times an epoch of batches of 64, and 60 that rate."""
    return replace(tiny, expected_images=1060)


def seconds(
    recipe: Recipe, number: int, *, is_divided: bool = True, factors: tuple[float, float] = (1.0, 1.0)
) -> dict[str, tuple[Span, Span, Span]]:
    basis = Basis(times=TIMES, per_unit=lambda stage: 1.0, factors=factors)
    found = stage_hours(recipe, basis, number, is_divided=is_divided)
    return {one.name: (one.alone, one.jobs, one.together) for one in found}


def same(*values: float) -> tuple[Span, ...]:
    return tuple(Span(float(value), float(value)) for value in values)


def test_one_device_does_all_stages_one_after_the_other(recipe: Recipe) -> None:
    found = seconds(recipe, 1)
    assert list(found) == ["teacher", "distill", "rate", "stitch", "retrain:small"]
    assert found["teacher"] == same(*[960 * 3 * 1.0] * 3)
    alone = 960 * (1 + 3 * 4)
    in_jobs = 960 * (1 + 3 * 1) + 960 * (1 + 3 * 3)  # each job runs the teacher
    assert found["distill"] == same(alone, in_jobs, alone)


def test_the_longest_block_bounds_the_jobs_and_shared_batches_are_divided(recipe: Recipe) -> None:
    for number in (2, 8):
        found = seconds(recipe, number)
        assert found["distill"] == same(960 * 13, 960 * 10, 960 * 13 / number)
        assert found["rate"] == same(60 * 5, 60 * 4, 60 * (1 + 4 / number))
        assert found["teacher"] == same(960 * 3, 960 * 3, 960 * 3 / number)
        assert found["stitch"][0] == found["stitch"][1] == found["stitch"][2]


def test_a_distillation_that_cannot_be_divided_stays_on_one_device_and_rating_does_not(recipe: Recipe) -> None:
    found = seconds(recipe, 2, is_divided=False)
    assert found["distill"] == same(960 * 13, 960 * 13, 960 * 13 / 2)
    assert found["rate"][1] == Span(240.0, 240.0)


def test_networks_of_calibration_are_jobs(recipe: Recipe) -> None:
    fit = FitConfig(batch_size=64, warmup_epochs=0.0)
    calibrated = replace(recipe, calibration=CalibrationConfig(num_networks=3, num_epochs=1, fit=fit))
    assert seconds(calibrated, 2)["calibrate"] == same(3 * 960 * 6, 2 * 960 * 6, 3 * 960 * 6)


def test_a_range_holds_for_every_stage_and_adds_up(recipe: Recipe) -> None:
    found = seconds(recipe, 1, factors=(1.0, 3.0))
    assert found["distill"][0] == Span(12480.0, 37440.0)
    assert total([Span(1.0, 2.0), Span(10.0, 20.0)]) == Span(11.0, 22.0)


def test_the_shortest_way_of_every_stage_counts_and_retraining_is_no_search(recipe: Recipe) -> None:
    basis = Basis(times=TIMES, per_unit=lambda stage: 1.0)
    hours = stage_hours(recipe, basis, 8, is_divided=True)
    search = 960 * 3 / 8 + 960 * 13 / 8 + 60 * (1 + 4 / 8) + 60 * 4 * 3
    assert shortest(hours, of_search=True) == Span(search, search)
    assert shortest(hours).high == search + 960 * 3 * 2.0 / 8


def test_a_measured_device_takes_multiply_adds_over_its_throughput(recipe: Recipe) -> None:
    measured = MeasuredThroughput(device="one", macs_per_second={"distill": 10.0, "train": 5.0})
    found = {one.name: one.alone.high for one in stage_hours(recipe, basis_of(measured, TIMES), 1, is_divided=True)}
    assert found["distill"] == pytest.approx(960 * 13 / 10)
    assert found["teacher"] == pytest.approx(960 * 3 / 5)
    assert found["rate"] == pytest.approx(60 * 5 / 5)  # not measured: as the slowest


def test_names_of_stages_and_recipes_are_real() -> None:
    from helixnas.cli.shipped import shipped_recipes

    assert {*AFTER_THE_SEARCH, *SHARED_BATCHES} <= {stage.name for stage in stages.STAGES}
    assert set(PAPER) <= set(shipped_recipes("recipe"))
