"""Baselines end to end: trained beside a run, resumable, written point by point, and shown by the ranking."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from helixnas.artifacts.baseline import Baseline
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.tables.ranking import show_ranking
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, DataError, Interrupted
from helixnas.experiments.baseline import train_baseline
from helixnas.experiments.baseline_plan import BaselinePlan
from helixnas.lab import Benchmark, save_benchmark
from helixnas.lab.baselines import BaselineConfig
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.recipe import Recipe
from helixnas.space import load_space

MakePlan = Callable[..., BaselinePlan]


@pytest.fixture
def bench(tiny: Recipe, tmp_path: Path) -> Path:
    """All 24 networks of the tiny space with made-up accuracies."""
    space, rng = load_space(tiny.space), np.random.default_rng(0)
    first, second = space.blocks
    networks = tuple(
        TrainedNetwork(architecture=space.architecture((a, b)), accuracy=(float(rng.uniform(0.5, 0.9)),))
        for a in first.paths()
        for b in second.paths()
    )
    save_benchmark(Benchmark(name="made", space=space, networks=networks), tmp_path / "made.json")
    return tmp_path / "made.json"


@pytest.fixture
def make_plan(tiny: Recipe, copy: RunFolder, bench: Path) -> MakePlan:
    """Return a function that plans a short baseline of a finished run; keywords are settings."""

    def make(method: str, *, recipe: Recipe = tiny, seed: int = 0, **settings: object) -> BaselinePlan:
        given = {"num_networks": 4, "num_points": 2, "num_epochs": 1, "batch_size": 128, "num_calibration": 32}
        config = BaselineConfig(method=method, **{**given, **settings})  # type: ignore[arg-type]
        return BaselinePlan(recipe=recipe, folder=copy, bench=bench, config=config, seed=seed)

    return make


def untimed(baseline: Baseline) -> list[dict[str, object]]:
    return [{k: v for k, v in asdict(point).items() if "seconds" not in k} for point in baseline.points]


@pytest.mark.slow
@pytest.mark.parametrize("method", ["spos", "fairnas", "darts", "mnasnet", "naswot", "zico"])
def test_every_method_rates_the_same_networks_of_the_benchmark(make_plan: MakePlan, method: str) -> None:
    plan = make_plan(method)
    baseline = train_baseline(plan, Reporter())
    assert Baseline.load(plan.folder.path / "baselines" / f"{method}-seed0.json") == baseline
    assert len({*baseline.networks}) == 4
    assert baseline.networks == tuple(each.text for each in make_plan("spos", seed=3).architectures)
    untrained = {"naswot": "naswot", "zico": "zico"}
    assert [point.epoch for point in baseline.points][-1] == (0.0 if method in untrained else 1.0)
    assert baseline.score == {"darts": "log_probability", "mnasnet": "accuracy", **untrained}.get(method, "loss")
    assert not plan.folder.checkpoint(plan.job).exists()


@pytest.mark.slow
def test_a_ranking_shows_baselines_beside_the_run_with_what_each_cost(
    make_plan: MakePlan, copy: RunFolder, bench: Path
) -> None:
    train_baseline(make_plan("spos"), Reporter())
    train_baseline(make_plan("spos", seed=1), Reporter())
    ranked = rank_run(copy, bench, Reporter(), num_resamples=5)
    (comparison,) = ranked.ranking.baselines
    assert list(comparison.curves()) == ["spos seed 0", "spos seed 1"]
    stages = copy.load_record().stages
    (score,) = [row for row in comparison.rows if row.name == "relative_l1"]
    assert score.core_seconds == pytest.approx(
        sum(stages[name].core_seconds or 0 for name in ("teacher", "distill", "rate"))
    )
    assert score.images_seen == stages["teacher"].facts["images"] + stages["distill"].facts["images"]
    assert stages["teacher"].facts["images"] == 21 * 64
    console = Console(record=True, width=240)
    show_ranking(console, ranked)
    said = console.export_text()
    assert "Baselines on 4 networks" in said
    assert "SPOS, seed 1" in said
    assert "Core-seconds: CPU time" in said
    assert 'id="baselines"' in ranked.page.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_run_whose_stages_were_not_timed_says_so(make_plan: MakePlan, copy: RunFolder, bench: Path) -> None:
    train_baseline(make_plan("darts"), Reporter())
    record = copy.load_record()
    copy.save_record(record.with_stage("distill", replace(record.stages["distill"], core_seconds=None)))
    ranked = rank_run(copy, bench, Reporter(), num_resamples=2)
    (score,) = [row for row in ranked.ranking.baselines[0].rows if row.name == "relative_l1"]
    assert score.core_seconds is None
    console = Console(record=True, width=240)
    show_ranking(console, ranked)
    assert "not recorded" in console.export_text()


@pytest.mark.slow
def test_a_baseline_of_another_benchmark_is_left_out_and_said_to_be(
    make_plan: MakePlan, copy: RunFolder, bench: Path, listener
) -> None:
    plan = make_plan("darts")
    found = train_baseline(plan, Reporter())
    replace(found, networks=("8:other", *found.networks[1:]), benchmark="elsewhere").save(plan.file)
    assert rank_run(copy, bench, listener, num_resamples=2).ranking.baselines == ()
    assert any("darts-seed0.json is left out: it rates networks of elsewhere" in said for said in listener.said)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "after"), [("spos", 3), ("spos", 7), ("mnasnet", 20)])
def test_an_interrupted_baseline_ends_as_an_uninterrupted_one(
    make_plan: MakePlan, method: str, after: int, tmp_path: Path, stopping: Any
) -> None:
    plan = make_plan(method)
    with pytest.raises(Interrupted, match="everything so far is saved"):
        train_baseline(plan, stopping(f"baseline {method} seed0", after))
    resumed = train_baseline(plan, Reporter())
    whole = train_baseline(replace(plan, folder=RunFolder(tmp_path / "another")), Reporter())
    assert untimed(resumed) == untimed(whole)
    assert resumed.points[-1].core_seconds > 0


@pytest.mark.slow
def test_what_is_there_is_kept_and_other_settings_make_it_again(make_plan: MakePlan, listener) -> None:
    plan = make_plan("darts")
    first = train_baseline(plan, Reporter())
    assert train_baseline(plan, listener) == first
    assert listener.said == [f"{plan.file}: done already"]
    train_baseline(make_plan("darts", lr=0.1), listener)
    assert f"{plan.file} is replaced: baseline.lr changed from 0.05 to 0.1" in listener.said


@pytest.mark.slow
def test_a_file_with_missing_points_is_gone_on_with(make_plan: MakePlan, listener) -> None:
    plan = make_plan("darts")
    found = train_baseline(plan, Reporter())
    replace(found, points=found.points[:1]).save(plan.file)
    assert untimed(train_baseline(plan, listener)) == untimed(found)


def test_images_without_labels_are_refused(make_plan: MakePlan, tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    unlabelled = replace(tiny, data=replace(tiny.data, labels=False), retrain=None)
    with pytest.raises(DataError, match="the baseline spos learns from labels, but data.labels of the run is false"):
        make_plan("spos", recipe=unlabelled)

    def refuse(images: object, purpose: str) -> None:
        raise DataError(f"{purpose} needs labels")

    monkeypatch.setattr("helixnas.data.ImageSet.require_labels", refuse)
    plan = make_plan("spos")
    with pytest.raises(DataError, match="the baseline spos needs labels"):
        train_baseline(plan, Reporter())
    assert not plan.file.exists()


def test_a_batch_of_more_images_than_there_are_is_refused(make_plan: MakePlan) -> None:
    with pytest.raises(ConfigError, match=r"is 5000, but there are only \d+ training images; choose at most"):
        train_baseline(make_plan("spos", batch_size=5000), Reporter())


@pytest.mark.slow
def test_a_cleared_folder_keeps_no_baseline(make_plan: MakePlan, copy: RunFolder) -> None:
    train_baseline(make_plan("darts"), Reporter())
    copy.clear()
    assert not (copy.path / "baselines").exists()


def test_single_images_of_one_pixel_are_refused_before_images_are_opened(make_plan: MakePlan, tiny: Recipe) -> None:
    plan = make_plan("spos", batch_size=1)
    pixel = replace(tiny, data=replace(tiny.data, name="", root="nowhere", image_size=2))
    with pytest.raises(ConfigError, match=r"single value per channel .*; raise --batch-size"):
        train_baseline(replace(plan, recipe=pixel), Reporter())
