"""Calibration of a run: networks trained shortly, scores corrected, resumed where it was stopped, and read by searches."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts import RatingTable, RunRecord
from helixnas.artifacts.files import remove, write_json
from helixnas.artifacts.rating_table import summed
from helixnas.calibration import CalibrationConfig
from helixnas.engine import FitConfig
from helixnas.errors import ArtifactError, ConfigError, DataError, Interrupted
from helixnas.jobs.choice import parse_executor
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part
from helixnas.pipeline.plan import plan
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work import calibrate as work
from helixnas.pipeline.work.calibrate import TRAINED, calibrate, check_images, scores_to_correct, train_part
from helixnas.pipeline.work.costs import count_costs
from helixnas.pipeline.work.rate import rate
from helixnas.pipeline.work.search import load_tables, outdated_scores, require_scores
from helixnas.proxies import ProxiesConfig
from helixnas.retrain import InheritConfig
from helixnas.search.config import SearchConfig

CONFIG = CalibrationConfig(num_networks=4, num_epochs=1, fit=FitConfig(batch_size=6, warmup_epochs=0.0))


@pytest.fixture
def context(undistilled: Context) -> Context:
    undistilled.recipe = replace(undistilled.recipe, calibration=CONFIG)
    count_costs(undistilled, "key", "")
    finish(undistilled, "rate", rate(undistilled, "key", "").files)
    finish(undistilled, "costs", ("costs.parquet",))
    return undistilled


def finish(context: Context, name: str, files: tuple[str, ...]) -> None:
    folder = context.folder
    record = folder.load_record() if folder.record.is_file() else RunRecord(recipe="tiny", versions={})
    keys = {one.name: one.key for one in plan(context.recipe.to_dict())}
    stage = folder.stage_record(key=keys[name], settings={}, files=files, facts={}, seconds=0.0)
    record.with_stage(name, stage).save(folder.record)
    folder.save_settings(context.recipe.to_dict())


def forget(result: Result) -> None:
    """Do what follows when a stage is recorded."""
    assert result.temporary
    for file in result.temporary:
        remove(file)


def test_every_path_gets_a_corrected_score_that_searches_find_beside_the_others(context: Context) -> None:
    result = calibrate(context, "key", "")
    assert result.files == ("calibration/block-1.parquet", "calibration/block-2.parquet", "calibration/networks.json")
    found = json.loads(context.folder.calibration_networks.read_text())
    assert found["scores"] == ["relative_l1"]
    assert len({*found["networks"]}) == len(found["accuracy"]) == len(found["left_out"]) == 4
    assert {*found["kendall"]} == {"scores", "calibrated, each pair left out", "macs", "params", "depth"}
    assert (found["init"], found["num_epochs"]) == ("scratch", 1)
    tables = [RatingTable.load(context.folder.calibrated(number)) for number in (1, 2)]
    assert [list(table.scores) for table in tables] == [["calibrated"]] * 2
    finish(context, "calibrate", result.files)
    assert list(load_tables(context.folder, context.folder.load_record()).ratings[0].scores)[-1] == "calibrated"
    context.recipe = replace(context.recipe, calibration=replace(CONFIG, num_networks=0))
    context.folder.save_settings(context.recipe.to_dict())
    assert "calibrated" not in load_tables(context.folder, context.folder.load_record()).ratings[0].scores


def test_scores_follow_what_the_trainings_show(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    context.recipe = replace(context.recipe, calibration=replace(CONFIG, num_networks=20, share=1.0))

    def trained(context: Context, key: str, networks: Any) -> np.ndarray:
        return np.array([0.9 - 0.02 * one.text.count("mb2_k5") for one in networks])

    monkeypatch.setattr(work, "_train", trained)
    calibrate(context, "key", "")
    tables = [RatingTable.load(context.folder.calibrated(number)) for number in (1, 2)]
    rng = np.random.default_rng(1)
    others = [context.space.sample(rng) for _ in range(40)]
    truth = [one.text.count("mb2_k5") for one in others]
    assert np.corrcoef(summed(tables, others), truth)[0, 1] > 0.9


@pytest.mark.slow
def test_an_interrupted_calibration_goes_on_where_it_stopped_with_the_same_result(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(calibrate(context, "key", ""))
    whole = context.folder.calibration_networks.read_text()
    real, calls = work._train_one, list[str]()

    def stopping(context: Context, trainer: Any, network: Any, *rest: Any) -> float:
        calls.append(network.text)
        if len(calls) == 3:
            raise Interrupted("stopped; everything so far is saved")
        return real(context, trainer, network, *rest)

    monkeypatch.setattr(work, "_train_one", stopping)
    with pytest.raises(Interrupted):
        calibrate(context, "key", "")
    finished = calibrate(context, "key", "")
    assert context.folder.calibration_networks.read_text() == whole
    assert len(calls) == 3 + 2
    assert len({*calls}) == 4
    calibrate(context, "key", "")  # as where a process ends before it can record the stage
    assert len(calls) == 3 + 2
    forget(finished)
    calls.clear()
    calls.extend(["", "", ""])
    calibrate(context, "another key", "")
    assert len(calls) == 3 + 4


def test_networks_trained_by_jobs_give_the_same_result(context: Context) -> None:
    whole = calibrate(context, "key", "")
    assert whole.is_timed
    expected = context.folder.calibration_networks.read_text()
    parts_done: list[str] = []

    class Here(Spread):
        """Does the jobs in this process."""

        def run(self, parts: Any, recipe: Recipe, folder: Any, reporter: Any, *, is_done: Any) -> None:
            for part in parts:
                assert not is_done(part)
                train_part(context, "key", part)
                assert is_done(part)
                parts_done.append(part.name)

    context.spread = Here(parse_executor("local:2"))
    jobs = calibrate(context, "key", "")
    assert parts_done == ["calibrate-1", "calibrate-2", "calibrate-3", "calibrate-4"]
    assert context.folder.calibration_networks.read_text() == expected
    assert jobs.files == whole.files
    assert (jobs.is_timed, jobs.num_threads) == (False, 1)
    assert jobs.temporary == (context.folder.jobs / TRAINED,)


def test_a_job_whose_network_is_trained_does_nothing(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    train_part(context, "key", Part("calibrate", network=2))
    monkeypatch.setattr(work, "_train_one", lambda *_: pytest.fail("trained again"))
    train_part(context, "key", Part("calibrate", network=2))
    with pytest.raises(pytest.fail.Exception, match="trained again"):
        train_part(context, "another key", Part("calibrate", network=2))


def test_an_accuracy_is_that_of_the_network_it_was_measured_on(context: Context) -> None:
    part, one, other = Part("calibrate", network=1), *[context.space.sample(np.random.default_rng(k)) for k in (0, 1)]
    assert one != other
    write_json(work._result(context, part), {"key": "key", "network": one.text, "accuracy": 0.5})
    assert work._accuracy(context, "key", part, [one]) == 0.5
    assert work._accuracy(context, "key", part, [other]) is None
    assert work._accuracy(context, "other", part, [one]) is None


def test_accuracies_of_other_settings_are_not_taken_over(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    write_json(work._progress(context), {"key": "old", "accuracy": {}, "spent": [0.0, 0.0]})
    assert work._trained_before(context, "key") == {}


def test_images_without_labels_or_fewer_than_a_batch_are_told_before_the_first_stage(
    context: Context, in_memory: Callable[..., Any]
) -> None:
    check_images(context)
    data: Any = context.data
    context.recipe = replace(context.recipe, calibration=replace(CONFIG, fit=FitConfig(batch_size=64)))
    with pytest.raises(ConfigError, match="calibration.fit.batch_size is 64, but there are only 12 training images"):
        check_images(context)
    data.rating = in_memory(np.zeros((4, 8, 8, 3), dtype=np.uint8))
    with pytest.raises(
        DataError, match="calibration evaluates its networks on the rating images, which have no labels"
    ):
        check_images(context)


def test_the_scores_to_correct_are_the_first_rated_one_and_the_first_proxy(tiny: Recipe) -> None:
    def corrected(recipe: Recipe) -> tuple[str, ...]:
        return scores_to_correct(recipe.to_dict())

    added = replace(tiny, calibration=CONFIG)
    assert corrected(added) == ("relative_l1",)
    with_proxies = replace(added, proxies=ProxiesConfig(num_networks=3, scores=("zico", "naswot")))
    assert corrected(with_proxies) == ("relative_l1", "zico")
    assert corrected(replace(with_proxies, scores=("naswot", "calibrated"))) == ("naswot",)
    assert corrected(replace(with_proxies, calibration=replace(CONFIG, scores=("task_kl",)))) == ("task_kl",)


def key_of(recipe: Recipe) -> str:
    return next(one.key for one in plan(recipe.to_dict()) if one.name == "calibrate")


def test_calibration_depends_on_the_scores_it_corrects_wherever_they_are_named(tiny: Recipe) -> None:
    added = replace(tiny, calibration=CONFIG)
    named = replace(added, calibration=replace(CONFIG, scores=("relative_l1",)))
    assert key_of(named) == key_of(added)
    assert key_of(replace(added, scores=("task_kl",))) != key_of(added)
    assert key_of(replace(named, scores=("task_kl",))) == key_of(named)


def test_calibration_from_the_supernet_depends_on_how_weights_are_inherited(tiny: Recipe) -> None:
    assert tiny.retrain is not None
    added = replace(tiny, calibration=CONFIG)
    inherited = replace(added, calibration=replace(CONFIG, init="inherited"))
    images, tuning = (
        replace(tiny.retrain, inherit=replace(tiny.retrain.inherit, **changed))
        for changed in ({"num_images": 64}, {"head_epochs": 7})
    )
    assert key_of(replace(inherited, retrain=images)) != key_of(inherited)
    assert key_of(replace(inherited, retrain=tuning)) == key_of(inherited)
    assert key_of(replace(added, retrain=images)) == key_of(added)
    default = replace(tiny.retrain, inherit=InheritConfig())
    assert key_of(replace(inherited, retrain=None)) == key_of(replace(inherited, retrain=default))


def test_calibrated_scores_of_other_settings_are_left_out_and_refused(context: Context) -> None:
    finish(context, "calibrate", calibrate(context, "key", "").files)
    folder, record = context.folder, context.folder.load_record()
    assert outdated_scores(folder, record) == {}
    context.recipe = replace(context.recipe, calibration=replace(CONFIG, num_epochs=2))
    folder.save_settings(context.recipe.to_dict())
    tables = load_tables(folder, record)
    assert list(tables.ratings[0].scores) == ["relative_l1", "task_kl"]
    require_scores(("relative_l1",), tables, folder)
    with pytest.raises(
        ArtifactError, match="score calibrated cannot be added up: the calibrate stage is out of date"
    ) as told:
        require_scores(("relative_l1", "calibrated"), tables, folder)
    assert str(told.value).endswith(f"bring it up to date with: helixnas calibrate {folder.path}")


def test_a_recipe_plans_calibration_only_if_it_asks_for_it(tiny: Recipe) -> None:
    assert "calibrate" not in [one.name for one in plan(tiny.to_dict())]
    added = replace(
        tiny, calibration=CONFIG, searches={"it": SearchConfig(scores=("calibrated",)), "plain": SearchConfig()}
    )
    planned = {one.name: one for one in plan(added.to_dict())}
    assert [*planned].index("calibrate") < [*planned].index("search:it")
    assert planned["search:it"].upstream == ("rate", "costs", "calibrate")
    assert planned["search:plain"].upstream == ("rate", "costs")


def test_a_score_that_is_not_there_is_named(tiny: Recipe) -> None:
    with pytest.raises(ConfigError, match="search it adds up the score calibrated, but calibration.num_networks is 0"):
        replace(tiny, searches={"it": SearchConfig(scores=("calibrated",))})
    with pytest.raises(ConfigError, match="calibration adds up the score naswot, but proxies.num_networks is 0"):
        replace(tiny, calibration=replace(CONFIG, scores=("naswot",)))
    with pytest.raises(ConfigError, match="calibration trains networks, so it needs labels, but data.labels is false"):
        replace(tiny, calibration=CONFIG, retrain=None, data=replace(tiny.data, labels=False))
