"""Batch sizes and epochs for the hours."""

from dataclasses import replace

import pytest

from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.hardware.machine import Machine
from helixnas.pipeline.memory.stages import needs_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.stage import ForwardTimes
from helixnas.start.image_facts import ImageFacts
from helixnas.start.proposal import Proposal
from helixnas.start.schedule import MOST_EPOCHS, Sizes, rating_fits, schedule, with_fitting_batches

FAST = ForwardTimes(teacher=1e-4, network=1e-4, supernet=3e-4, rating=3e-4)


@pytest.fixture
def recipe(proposal: Proposal) -> Recipe:
    made = proposal.recipe
    return replace(made, data=replace(made.data, train_share=1.0))


@pytest.mark.parametrize("number", [100, 1000, 100_000])
def test_images_are_split_and_batches_make_several_steps(number: int) -> None:
    held_out = number // 5
    images = ImageFacts(title="", num_images=number, num_classes=3, smallest_class=10, side=40, num_held_out=held_out)
    sizes = Sizes.of(images)
    assert sizes.num_training + sizes.num_rating == number - held_out
    assert sizes.num_training > 2 * sizes.num_rating
    assert sizes.num_rating // sizes.rating_batch >= 4
    assert sizes.num_training // sizes.batch >= 4


@pytest.mark.parametrize("hours", [0.02, 0.1, 1.0])
def test_the_estimate_stays_within_the_hours(recipe: Recipe, hours: float) -> None:
    found = schedule(replace(recipe, expected_images=20_000), lambda _: FAST, hours)
    assert found.total <= 3600 * hours
    assert found.total >= 0.3 * 3600 * hours or found.recipe.distill.num_epochs == MOST_EPOCHS["distill"]


def test_more_hours_mean_more_epochs(recipe: Recipe) -> None:
    large = replace(recipe, expected_images=20_000)
    short, long = (schedule(large, lambda _: FAST, hours).recipe for hours in (0.1, 0.5))
    assert short.distill.num_epochs < long.distill.num_epochs <= MOST_EPOCHS["distill"]
    assert short.data.train_share == 1


def test_images_are_left_out_where_one_epoch_is_too_long(recipe: Recipe) -> None:
    found = schedule(replace(recipe, expected_images=1_000_000), lambda _: FAST, 0.05)
    assert found.recipe.data.train_share < 1
    assert found.recipe.distill.num_epochs == 1
    few = replace(recipe, expected_images=recipe.data.num_rating + 100)
    shortest = schedule(few, lambda _: replace(FAST, teacher=1.0, network=1.0), 0.001).recipe
    assert shortest.expected_training_images >= 2 * shortest.distill.batch_size or shortest.data.train_share == 1


def test_too_few_strictly_fair_steps_become_more_steps_of_one_path(recipe: Recipe) -> None:
    fair = replace(recipe, expected_images=20_000, distill=replace(recipe.distill, sampling="strict-fair"))

    def times(asked: Recipe) -> ForwardTimes:
        return FAST if asked.distill.sampling == "uniform" else replace(FAST, supernet=6 * FAST.supernet)

    assert schedule(fair, times, 1.0).recipe.distill.sampling == "strict-fair"
    few = replace(fair, expected_images=recipe.data.num_rating + 3 * recipe.distill.batch_size)
    found = schedule(few, times, 0.02).recipe.distill
    assert found.sampling == "uniform"


def test_rating_takes_a_small_part_of_the_time(recipe: Recipe) -> None:
    assert rating_fits(recipe, FAST, 1.0)
    assert not rating_fits(recipe, replace(FAST, rating=1e3), 1.0)


def test_every_batch_fits_the_memory(recipe: Recipe) -> None:
    drawn = sketch(recipe, 3)
    (large, nothing), (small, too_large), (_, rest) = (
        with_fitting_batches(drawn, recipe, Machine(num_cores=1, memory=memory)) for memory in (2**40, 2**25, 2**10)
    )
    assert large == recipe
    assert nothing == {}
    assert recipe.distill.batch_size > small.distill.batch_size
    assert recipe.retraining.fit.batch_size > small.retraining.fit.batch_size
    needs = needs_of(drawn, small, ("teacher", "distill", "rate", "proxies", "stitch", "retrain"))
    assert {"teacher", "distill", "rate", "retrain"} <= {need.stage for need in needs}
    assert {need.stage: need.total for need in needs if need.total > 2**24} == too_large
    assert all(need.batch == 2 for need in needs if need.stage in too_large)
    assert rest.keys() == {need.stage for need in needs}
