"""Plan of a benchmark: which networks are drawn, and what is refused before anything is trained."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.errors import ConfigError, SpaceError, UnknownNameError
from helixnas.experiments.benchmark_plan import BenchmarkPlan, settings_of_images
from helixnas.pipeline.recipe import Recipe


@pytest.fixture
def plan(tiny: Recipe, tmp_path: Path) -> BenchmarkPlan:
    return BenchmarkPlan(recipe=tiny, out=tmp_path / "bench.json", num_networks=3, num_trainings=2)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"num_networks": 2}, "--num-networks must be at least 3, not 2"),
        ({"num_networks": 25}, "--num-networks must be at most 24, the networks of space 'tiny', not 25"),
        ({"num_trainings": 0}, "--num-trainings must be at least 1, not 0"),
        ({"num_trainings": 10**9}, "--num-trainings must be at most 100, not 1,000,000,000"),
        (
            {"lower": {"macs": 9}, "upper": {"macs": 8}},
            "no network has at least 9 and at most 8 macs; --min must not be",
        ),
        ({"out": Path("bench.txt")}, "--out 'bench.txt' must end in .json"),
        ({"upper": {"mac": 5}}, "unknown resource 'mac'; did you mean macs"),
    ],
)
def test_a_plan_that_cannot_be_is_one_sentence(plan: BenchmarkPlan, change: dict[str, object], sentence: str) -> None:
    with pytest.raises((ConfigError, UnknownNameError), match=sentence):
        replace(plan, **change)


def test_networks_are_drawn_within_limits_beside_those_that_are_given(plan: BenchmarkPlan) -> None:
    every = replace(plan, num_networks=24)
    params = sorted(plan.costs.of(architecture)["params"] for architecture in every.architectures)
    given = next(each for each in every.architectures if plan.costs.of(each)["params"] == params[-1]).text
    within = replace(plan, lower={"params": params[4]}, upper={"params": params[15]}, given=(given, given))
    first, *drawn = within.architectures
    assert first.text == given
    assert len({first, *drawn}) == 4
    assert all(params[4] <= plan.costs.of(architecture)["params"] <= params[15] for architecture in drawn)
    assert within.architectures[:3] == replace(within, num_networks=5).architectures[:3]


def test_limits_count_a_head_of_the_classes_of_the_data(plan: BenchmarkPlan, tiny: Recipe, tmp_path: Path) -> None:
    for name in ("cat", "dog", "emu"):
        (tmp_path / "photos" / "train" / name).mkdir(parents=True)
        (tmp_path / "photos" / "train" / name / "1.png").touch()
    photos = replace(plan, recipe=replace(tiny, data=replace(tiny.data, name="", root=str(tmp_path / "photos"))))
    (one, *_) = plan.architectures
    classes, width = 10 - 3, 16
    assert plan.costs.of(one)["params"] - photos.costs.of(one)["params"] == classes * (width + 1)


@pytest.mark.slow
def test_limits_that_leave_too_few_and_networks_of_another_space_are_one_sentence(plan: BenchmarkPlan) -> None:
    with pytest.raises(
        ConfigError, match=r"0 of 3,000 networks drawn .* meet the limits, too few for --num-networks 3; widen"
    ):
        replace(plan, upper={"params": 1}).architectures  # noqa: B018
    with pytest.raises(SpaceError, match="9:mb3_k3"):
        replace(plan, given=("9:mb3_k3 12:mb3_k3",)).architectures  # noqa: B018


def test_a_recipe_that_does_not_say_how_networks_are_trained_is_refused(plan: BenchmarkPlan, tiny: Recipe) -> None:
    with pytest.raises(ConfigError, match=r"the recipe 'tiny' leaves retraining out .* --retrain.fit.num_epochs 30"):
        replace(plan, recipe=replace(tiny, retrain=None))


def test_a_teacher_of_the_whole_network_is_refused(plan: BenchmarkPlan, tiny: Recipe) -> None:
    assert tiny.retrain is not None
    taught = replace(tiny, retrain=replace(tiny.retrain, teach="soft"))
    with pytest.raises(ConfigError, match=r"trained without a teacher, .*; retrain.teach must be none, not soft"):
        replace(plan, recipe=taught)


def test_networks_are_drawn_evenly_from_the_whole_space(tiny: Recipe, tmp_path: Path) -> None:
    whole = BenchmarkPlan(recipe=tiny, out=tmp_path / "bench.json", num_networks=24)
    assert len({architecture.text for architecture in whole.architectures}) == 24
    assert whole.architectures[:5] == replace(whole, num_networks=5).architectures


def test_every_network_is_trained_once_before_one_is_trained_again(plan: BenchmarkPlan) -> None:
    first, second, third = plan.architectures
    assert plan.left({}) == [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)]
    assert plan.left({first: (0.5, 0.5), second: (0.5,)}) == [(2, 0), (1, 1), (2, 1)]
    assert plan.left(dict.fromkeys((first, second, third), (0.5, 0.5))) == []


def test_the_key_holds_what_changes_an_accuracy_and_nothing_else(plan: BenchmarkPlan, tiny: Recipe) -> None:
    elsewhere = replace(tiny, data=replace(tiny.data, cache=False), distill=replace(tiny.distill, lr=0.5))
    assert replace(plan, recipe=elsewhere).key() == plan.key()
    assert replace(plan, recipe=replace(tiny, seed=1)).key() != plan.key()
    assert settings_of_images(tiny)["image_size"] == 8
    assert "teach" not in plan.settings()["retrain"]
