"""The check at hand: which one it is, and what a short training does."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.agreement import Estimate
from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.study import Ranked
from helixnas.engine.progress import Reporter
from helixnas.generations.check import check_at_hand, quality_after_training, quality_of_stitching
from helixnas.generations.measure import winner_of
from helixnas.pipeline.context import Context
from helixnas.pipeline.generations_config import GenerationsConfig, StopConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.retrain import RetrainConfig


@pytest.mark.parametrize(
    ("benchmark", "retrains", "stitched", "wanted", "check"),
    [
        ("bench.json", True, 60, "auto", "benchmark"),
        ("", True, 60, "auto", "retrained"),
        ("", False, 60, "auto", "stitching"),
        ("", False, 2, "auto", ""),
        ("bench.json", True, 60, "stitching", "stitching"),
        ("bench.json", True, 60, "retrained", "retrained"),
    ],
)
def test_the_best_evidence_that_a_recipe_has_is_the_check(
    tiny_plus: Recipe, benchmark: str, retrains: bool, stitched: int, wanted: str, check: str
) -> None:
    recipe = replace(
        tiny_plus,
        retrain=RetrainConfig() if retrains else None,
        stitching=replace(tiny_plus.stitching, num_architectures=stitched),
        generations=GenerationsConfig(benchmark=benchmark, stop=StopConfig(check=wanted)),  # type: ignore[arg-type]
    )
    assert check_at_hand(recipe) == check


def test_a_benchmark_of_a_part_of_the_space_is_no_check_unless_it_is_asked_for(tiny_plus: Recipe) -> None:
    given = GenerationsConfig(benchmark="bench.json")
    asked = replace(given, stop=StopConfig(check="benchmark"))
    recipe = replace(tiny_plus, retrain=RetrainConfig(), generations=given)
    assert [check_at_hand(recipe, is_part=is_part) for is_part in (False, True)] == ["benchmark", "retrained"]
    assert check_at_hand(replace(recipe, generations=asked), is_part=True) == "benchmark"


def test_a_short_training_is_evaluated_on_the_rating_images_and_repeats_itself(
    tiny_plus: Recipe, two: LineageFolder
) -> None:
    first = two.load().generations[0]
    assert first.quality is not None
    assert first.quality.num_images == 60
    assert first.quality.check == "retrained"
    own = replace(tiny_plus, generations=None)
    context = Context(own, two.run(1), Reporter())
    again = quality_after_training(
        tiny_plus, context, winner_of(two.run(1), "small"), (), first=two.run(1), title="again"
    )
    assert (again.value, again.key) == (first.quality.value, first.quality.key)
    assert again.seconds > 0


def test_the_same_winner_is_not_trained_twice(tiny_plus: Recipe, two: LineageFolder) -> None:
    first = two.load().generations[0]
    context = Context(replace(tiny_plus, generations=None), two.run(1), Reporter())
    winner = winner_of(two.run(1), "small")
    known = quality_after_training(tiny_plus, context, winner, (first,), first=two.run(1), title="known")
    assert first.quality is not None
    assert known == replace(first.quality, seconds=0.0, core_seconds=0.0)
    longer = replace(tiny_plus, generations=GenerationsConfig(stop=StopConfig(num_epochs=2)))
    assert (
        quality_after_training(longer, context, winner, (first,), first=two.run(1), title="longer").key
        != first.quality.key
    )


def test_generations_with_other_images_are_checked_on_those_of_the_first(tiny_plus: Recipe, two: LineageFolder) -> None:
    first = two.load().generations[0]
    own = replace(tiny_plus, generations=None, data=replace(tiny_plus.data, image_size=16))
    context = Context(own, two.run(2), Reporter())
    winner = winner_of(two.run(1), "small")
    found = quality_after_training(tiny_plus, context, winner, (first,), first=two.run(1), title="larger")
    assert first.quality is not None
    assert (found.key, found.value, found.seconds) == (first.quality.key, first.quality.value, 0.0)


def test_stitching_counts_as_the_agreement_of_a_generation_with_its_stitched_networks() -> None:
    tau = Estimate(0.5, (0.25, 0.75))
    ranked = Ranked(score="relative_l1", kendall=tau, spearman=tau, partial=tau, sizes={}, num_networks=60)
    found = quality_of_stitching(ranked)
    assert found is not None
    assert (found.check, found.value, found.interval) == ("stitching", 0.5, (0.25, 0.75))
    assert quality_of_stitching(None) is None


def test_nothing_of_a_short_training_is_left_over(two: LineageFolder) -> None:
    left: list[Path] = [file for folder in two.runs() for file in folder.path.glob("checkpoints/*")]
    assert left == []
