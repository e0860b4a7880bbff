"""Which networks a comparison trains, and how they are brought to the budget."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.config import FitConfig
from helixnas.errors import ArtifactError, ConfigError, DataError, UnknownNameError
from helixnas.experiments.comparison_plan import ComparisonPlan, plan_comparison, shortened
from helixnas.pipeline.recipe import Recipe

MODELS = ("test_efficientnet", "teacher", "test_byobnet")


@pytest.fixture(scope="module")
def plan(tiny: Recipe, finished: RunFolder) -> ComparisonPlan:
    return plan_comparison(tiny, finished, None, models=MODELS, num_random=3, tolerance=0.8)


def test_the_winner_comes_first_then_models_then_random_networks_near_its_size(plan: ComparisonPlan) -> None:
    names = [one.name for one in plan.candidates]
    assert names == ["winner", *MODELS, "random 1", "random 2", "random 3"]
    winner, scaled, teacher, large, *random = plan.candidates
    assert winner.macs == plan.macs
    assert scaled.macs == pytest.approx(plan.macs, rel=0.3)
    assert scaled.note.startswith("width x ")
    assert teacher.note.startswith("not scaled")
    assert teacher.network == "small_resnet"
    assert large.note.startswith("width cannot be scaled")
    assert len({one.network for one in (winner, *random)}) == 4
    assert all(abs(one.macs / plan.macs - 1) <= 0.8 for one in random)


def test_more_random_networks_begin_with_the_same_ones(plan: ComparisonPlan) -> None:
    fewer = replace(plan, models=(), num_random=2)
    assert [one.network for one in fewer.candidates[1:]] == [one.network for one in plan.candidates[4:6]]


def test_a_model_named_twice_is_trained_once(plan: ComparisonPlan) -> None:
    twice = replace(plan, models=("resnet18", "resnet18"), num_random=0)
    assert [one.name for one in twice.candidates] == ["winner", "resnet18"]


def test_a_model_may_get_enlarged_images_and_is_scaled_at_their_size(plan: ComparisonPlan) -> None:
    both = replace(plan, models=("test_efficientnet", "test_efficientnet@48"), num_random=0)
    _, small, enlarged = both.candidates
    assert enlarged.name == "test_efficientnet@48"
    assert "images enlarged to 48 pixels" in enlarged.note
    assert "enlarged" not in small.note
    assert enlarged.model is not None
    assert small.model is not None
    assert (enlarged.model.multiplier or 1) < (small.model.multiplier or 1)
    assert both.key(enlarged) != both.key(small)


def test_images_are_enlarged_only(plan: ComparisonPlan) -> None:
    with pytest.raises(
        ConfigError, match=r"resnet18@4: images of this run have \d+ pixels already; give more, or leave @4 out"
    ):
        _ = replace(plan, models=("resnet18@4",)).candidates
    with pytest.raises(
        ConfigError, match="teacher@48: the teacher is compared at the size of the run's images; give --with teacher"
    ):
        _ = replace(plan, models=("teacher@48",)).candidates
    with pytest.raises(UnknownNameError, match="unknown timm model 'resnet18@'; did you mean resnet18"):
        _ = replace(plan, models=("resnet18@",)).candidates


@pytest.mark.slow
def test_too_few_networks_near_the_budget_are_told(plan: ComparisonPlan) -> None:
    narrow = replace(plan, models=(), num_random=3, tolerance=0.001)
    assert re.match(r"\d of 3 random networks: among 3,000 draws there were no others within 0.1 % of", narrow.fewer())
    assert plan.fewer() == ""


def test_the_budget_may_be_the_limit_of_the_search(tiny: Recipe, copy: RunFolder) -> None:
    file = copy.search("small") / "result.json"
    with pytest.raises(ConfigError, match="--budget is limit, but the search small does not limit macs"):
        _ = plan_comparison(tiny, copy, None, budget="limit").macs
    values: dict[str, Any] = json.loads(file.read_text())
    values["limits"]["upper"]["macs"] = 123_456
    file.write_text(json.dumps(values))
    assert plan_comparison(tiny, copy, None, budget="limit").macs == 123_456


def test_trainings_are_short_unless_their_epochs_are_given(tiny: Recipe, finished: RunFolder) -> None:
    assert tiny.retrain is not None
    long = replace(tiny, retrain=replace(tiny.retrain, teach="soft", fit=FitConfig(num_epochs=50, warmup_epochs=5.0)))
    short = plan_comparison(long, finished, "small").recipe.retraining
    assert (short.fit.num_epochs, short.fit.warmup_epochs, short.teach) == (10, 1.0, "none")
    assert plan_comparison(long, finished, "small", num_epochs=60).recipe.retraining.fit.warmup_epochs == 6.0
    assert plan_comparison(replace(tiny, retrain=None), finished, None).recipe.retraining.fit.num_epochs == 10
    assert shortened(tiny.retrain.fit, 1) == tiny.retrain.fit


def test_the_key_of_a_training_follows_settings_and_network(plan: ComparisonPlan, tiny: Recipe) -> None:
    keys = [plan.key(one) for one in plan.candidates]
    assert len({*keys}) == len(keys)
    assert plan.key(plan.candidates[0]) == replace(plan, num_trainings=5, models=()).key(plan.candidates[0])
    assert tiny.retrain is not None
    slower = replace(tiny, retrain=replace(tiny.retrain, fit=replace(tiny.retrain.fit, lr=0.5)))
    assert replace(plan, recipe=slower).key(plan.candidates[0]) != keys[0]


def test_bad_input_is_one_sentence(tiny: Recipe, finished: RunFolder, copy: RunFolder, tmp_path: Any) -> None:
    with pytest.raises(UnknownNameError, match="unknown search 'smal'; did you mean small"):
        plan_comparison(tiny, finished, "smal")
    with pytest.raises(ArtifactError, match="no search of .* is finished; continue with: helixnas run"):
        plan_comparison(tiny, RunFolder(tmp_path / "none"), None)
    with pytest.raises(ConfigError, match="nothing to compare the winner with; give --with MODEL, or --random"):
        plan_comparison(tiny, finished, None, num_random=0)
    unlabelled = replace(tiny, retrain=None, data=replace(tiny.data, labels=False))
    with pytest.raises(DataError, match="data.labels of this run is false; it needs a run on labelled images"):
        plan_comparison(unlabelled, finished, None)
    (copy.path / "searches" / "other").mkdir()
    (copy.path / "searches" / "other" / "result.json").write_text("{}")
    with pytest.raises(ConfigError, match="has several searches; choose one with --search other or small"):
        plan_comparison(tiny, copy, None)
