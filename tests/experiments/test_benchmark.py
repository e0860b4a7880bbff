"""A benchmark built end to end: resumable between trainings and inside one, and ready to be ranked against."""

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.tables.benchmark import show_plan
from helixnas.engine.progress import Reporter
from helixnas.errors import (
    ConfigError,
    DataError,
    HelixError,
    Interrupted,
    NonFiniteLossError,
    UnknownNameError,
)
from helixnas.experiments import benchmark as bench
from helixnas.experiments.benchmark import build_benchmark, repeatability, train_network
from helixnas.experiments.benchmark_plan import BenchmarkPlan
from helixnas.jobs.choice import parse_executor
from helixnas.jobs.executor import Task
from helixnas.lab import Benchmark, load_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.spread import Spread
from helixnas.space import load_space


@pytest.fixture
def plan(tiny: Recipe, tmp_path: Path) -> BenchmarkPlan:
    return BenchmarkPlan(recipe=tiny, out=tmp_path / "bench.json", num_networks=3, num_trainings=2)


@pytest.fixture(scope="session")
def built(tiny: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of a finished benchmark; for reading only."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    build_benchmark(BenchmarkPlan(recipe=tiny, out=path, num_networks=3, num_trainings=2), Reporter())
    return path


def test_a_benchmark_holds_different_networks_of_the_space_trained_as_often_as_asked(built: Path, tiny: Recipe) -> None:
    found = load_benchmark(built)
    assert found.space == load_space(tiny.space)
    assert len({network.architecture for network in found.networks}) == 3
    assert found.num_trainings == 2
    for network in found.networks:
        assert network.architecture in found.space
        assert all(0 < value <= 1 for value in network.accuracy)
        assert set(network.costs) == {"macs", "params"}
    assert len({value for network in found.networks for value in network.accuracy}) > 3
    assert found.facts["recipe"] == "tiny"
    assert list(built.parent.iterdir()) == [built]


def benchmark_of(*accuracies: tuple[float, float]) -> Benchmark:
    """Return a benchmark of so many networks, each trained twice."""
    space, rng = load_space("macro"), np.random.default_rng(0)
    networks = [TrainedNetwork(architecture=space.sample(rng), accuracy=pair) for pair in accuracies]
    return Benchmark(name="made", space=space, networks=tuple(networks))


def test_trainings_that_rank_alike_are_told_with_their_tau() -> None:
    alike = benchmark_of(*[(0.5 + number / 100, 0.6 + number / 100) for number in range(12)])
    assert repeatability(alike) == "one training against another: Kendall tau 1.000 (1.000 to 1.000)"


def test_trainings_that_rank_as_chance_does_are_told_to_judge_nothing() -> None:
    noise = benchmark_of(*[(0.5 + number / 100, 0.5 + 5 * number % 12 / 100) for number in range(12)])
    told = repeatability(noise)
    assert told.startswith("one training against another: Kendall tau 0.")
    assert "the benchmark cannot judge a ranking yet; train longer" in told


def test_a_run_is_ranked_against_it(built: Path, finished: RunFolder, tmp_path: Path) -> None:
    import shutil

    shutil.copytree(finished.path, tmp_path / "run")
    ranking = rank_run(RunFolder(tmp_path / "run"), built, Reporter(), num_resamples=5).ranking
    assert ranking.benchmark["num_trainings"] == 2
    assert list(ranking.subsets[0].ceiling) == ["1 and 2"]
    assert ranking.picked_by.startswith("the best score among the benchmark's networks")


@pytest.mark.slow
def test_an_interrupted_build_ends_bit_for_bit_as_an_uninterrupted_one(
    built: Path, plan: BenchmarkPlan, stopping: Any
) -> None:
    reporter = stopping("training networks", 5, 30, 100)
    for _ in range(3):
        with pytest.raises(Interrupted, match="everything so far is saved"):
            build_benchmark(plan, reporter)
        assert len(list(plan.work.path.glob("checkpoints/*"))) == 1
    done = load_benchmark(plan.out)  # whole after every training
    assert len(done) == 3
    assert done.num_trainings == 1
    build_benchmark(plan, reporter)
    assert plan.out.read_bytes() == built.read_bytes()
    assert not plan.work.path.exists()
    assert any("training 6 of 6, epoch 1/1, loss" in shown for shown in reporter.shown)


def test_a_finished_benchmark_is_not_built_again_and_more_networks_are_added(
    built: Path, plan: BenchmarkPlan, listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan.out.write_bytes(built.read_bytes())
    monkeypatch.setattr(bench, "Context", None)
    assert build_benchmark(plan, listener) == load_benchmark(plan.out)
    assert listener.said == [f"{plan.out}: done already"]
    monkeypatch.undo()
    more = build_benchmark(replace(plan, num_networks=4), listener)
    assert more.networks[:3] == load_benchmark(built).networks
    assert len(more) == 4


def test_a_file_of_other_settings_is_kept_and_the_setting_named(built: Path, plan: BenchmarkPlan, tiny: Recipe) -> None:
    plan.out.write_bytes(built.read_bytes())
    assert tiny.retrain is not None
    longer = replace(tiny.retrain, fit=replace(tiny.retrain.fit, num_epochs=2))
    with pytest.raises(
        ConfigError, match=r"was made with other settings \(retrain.fit.num_epochs changed from 1 to 2\); choose"
    ):
        build_benchmark(replace(plan, recipe=replace(tiny, retrain=longer)), Reporter())
    with pytest.raises(ConfigError, match="holds a benchmark of space 'tiny'; choose another --out"):
        build_benchmark(replace(plan, recipe=replace(tiny, space="macro")), Reporter())
    assert plan.out.read_bytes() == built.read_bytes()


def test_settings_that_change_no_accuracy_do_not_matter(
    built: Path, plan: BenchmarkPlan, tiny: Recipe, listener
) -> None:
    plan.out.write_bytes(built.read_bytes())
    build_benchmark(replace(plan, recipe=replace(tiny, data=replace(tiny.data, cache=False))), listener)
    assert listener.said == [f"{plan.out}: done already"]


def test_a_file_of_other_limits_is_kept_and_the_limits_named(built: Path, plan: BenchmarkPlan) -> None:
    plan.out.write_bytes(built.read_bytes())
    limited = replace(plan, upper={"params": 10**6})
    with pytest.raises(ConfigError, match=r"was made with other settings \(limits"):
        build_benchmark(limited, Reporter())
    assert plan.out.read_bytes() == built.read_bytes()


@pytest.mark.slow
def test_images_are_varied_and_weights_averaged_as_retraining_says(
    plan: BenchmarkPlan, tiny: Recipe, tmp_path: Path
) -> None:
    assert tiny.retrain is not None
    accuracies: list[list[float]] = []
    varied = replace(tiny.retrain, augmentation="flip-crop")
    averaged = replace(tiny.retrain, fit=replace(tiny.retrain.fit, ema_decay=0.5))
    for number, retrain in enumerate((tiny.retrain, varied, averaged)):
        other = replace(plan, recipe=replace(tiny, retrain=retrain), out=tmp_path / f"{number}.json", num_trainings=1)
        accuracies.append(build_benchmark(other, Reporter()).mean_accuracy.tolist())
    assert accuracies[0] != accuracies[1] != accuracies[2] != accuracies[0]


def test_a_refused_build_leaves_no_folder_of_unfinished_trainings(plan: BenchmarkPlan, tiny: Recipe) -> None:
    assert tiny.retrain is not None
    fit = replace(tiny.retrain.fit, batch_size=100_000)
    other = replace(plan, recipe=replace(tiny, retrain=replace(tiny.retrain, fit=fit)))
    with pytest.raises(HelixError):
        build_benchmark(other, Reporter())
    assert not plan.work.path.exists()


def test_images_without_labels_are_refused(plan: BenchmarkPlan, tiny: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(images: object, purpose: str) -> None:
        raise DataError(f"{purpose} needs labels")

    monkeypatch.setattr("helixnas.data.ImageSet.require_labels", refuse)
    with pytest.raises(DataError, match="retraining needs labels"):
        build_benchmark(plan, Reporter())
    assert not plan.out.exists()


def test_a_loss_that_is_not_finite_names_the_network_and_keeps_those_before(plan: BenchmarkPlan, tiny: Recipe) -> None:
    assert tiny.retrain is not None
    wild = replace(tiny.retrain, fit=replace(tiny.retrain.fit, lr=1e30, optimizer="sgd"))
    with pytest.raises(
        NonFiniteLossError, match=r"the loss of network 1, 8:\S+ 12:\S+, is \S+ in step \d+; try a lower lr"
    ):
        build_benchmark(replace(plan, recipe=replace(tiny, retrain=wild)), Reporter())


def test_a_dry_run_tells_sizes_steps_and_what_is_left(built: Path, plan: BenchmarkPlan, tiny: Recipe) -> None:
    console = Console(record=True, width=200)
    show_plan(replace(plan, recipe=replace(tiny, expected_images=1438)), console)
    said = console.export_text()
    assert "3 of the 24 networks of space tiny, with " in said
    assert "M multiply-adds at 8 pixels" in said
    assert "6 trainings of 1 epoch of batch 64: 21 steps, each; 6 to do" in said
    assert not plan.out.exists()
    plan.out.write_bytes(built.read_bytes())
    console = Console(record=True, width=200)
    show_plan(replace(plan, num_networks=4), console)
    assert "8 trainings of 1 epoch of batch 64, each; 2 to do" in console.export_text()


def test_the_file_tells_the_settings_it_was_made_with(built: Path) -> None:
    settings = json.loads(built.read_text())["facts"]["settings"]
    assert settings["retrain"]["fit"]["num_epochs"] == 1
    assert settings["image_size"] == 8


def test_trainings_on_single_images_of_one_pixel_are_refused_before_images_are_opened(
    plan: BenchmarkPlan, tiny: Recipe
) -> None:
    assert tiny.retrain is not None
    assert isinstance(tiny.space, dict)
    space, fit = {**tiny.space, "strides": [2, 4]}, replace(tiny.retrain.fit, batch_size=1)
    data = replace(tiny.data, name="", root="no/such/folder")
    recipe = replace(tiny, space=space, data=data, retrain=replace(tiny.retrain, fit=fit))
    with pytest.raises(ConfigError, match=r"single value per channel .*; raise retrain\.fit\.batch_size"):
        build_benchmark(replace(plan, recipe=recipe), Reporter())
    assert not plan.work.path.exists()


@pytest.mark.slow
def test_trainings_as_jobs_make_the_file_of_one_process_and_a_job_that_is_done_is_left(
    built: Path, plan: BenchmarkPlan, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[tuple[str, ...]]()

    class Here:
        """Does the jobs in this process, the first of them twice."""

        def submit(self, task: Task) -> Any:
            asked.append(task.command)
            for _ in range(2 if len(asked) == 1 else 1):
                train_network(plan, task.name, Reporter())
            return SimpleNamespace(done=lambda: True, result=lambda: 0, stop=lambda **how: None)

        def close(self) -> None:
            pass

    monkeypatch.setattr(Spread, "open", lambda *words: Here())
    trained = list[str]()
    begin = bench.NetworkTrainer.begin

    def noted(self: Any, *words: Any, title: str, **settings: Any) -> Any:
        trained.append(title)
        return begin(self, *words, title=title, **settings)

    monkeypatch.setattr(bench.NetworkTrainer, "begin", noted)
    build_benchmark(plan, Reporter(), spread=Spread(parse_executor("local:2")), words=["bench", "build"])
    assert plan.out.read_bytes() == built.read_bytes()
    assert (len(trained), len(set(trained))) == (6, 3)  # each network twice, with two seeds
    assert asked[0][-4:] == ("bench", "build", "--job", "network-1-training-1")
    assert len(asked) == 6
    assert not plan.work.path.exists()


def test_a_training_that_the_benchmark_does_not_have_is_no_job(plan: BenchmarkPlan) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown job 'network-9-training-1'; did you mean network-"):
        train_network(plan, "network-9-training-1", Reporter())
