"""Plan of a baseline: which networks are rated, and what is refused before anything is trained."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, SpaceError
from helixnas.experiments.baseline_plan import BaselinePlan, default_num
from helixnas.lab import Benchmark, save_benchmark
from helixnas.lab.baselines import BaselineConfig
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.recipe import Recipe

MakePlan = Callable[..., BaselinePlan]


@pytest.fixture
def bench(tiny: Recipe, tmp_path: Path) -> Path:
    """Ten different networks of the tiny space, one of them listed twice."""
    space, rng = tiny.search_space, np.random.default_rng(0)
    drawn = list(dict.fromkeys(space.sample(rng) for _ in range(100)))[:10]
    networks = tuple(TrainedNetwork(architecture=each, accuracy=(rng.uniform(),)) for each in (*drawn, drawn[0]))
    save_benchmark(Benchmark(name="made", space=space, networks=networks), tmp_path / "made.json")
    return tmp_path / "made.json"


@pytest.fixture
def make_plan(tiny: Recipe, bench: Path, tmp_path: Path) -> MakePlan:
    def make(method: str, *, recipe: Recipe = tiny, num_networks: int = 4, seed: int = 0) -> BaselinePlan:
        config = BaselineConfig(method=method, num_networks=num_networks)  # type: ignore[arg-type]
        return BaselinePlan(recipe=recipe, folder=RunFolder(tmp_path / "run"), bench=bench, config=config, seed=seed)

    return make


def test_every_method_and_seed_rates_the_same_networks_and_more_begin_with_them(make_plan: MakePlan) -> None:
    few = make_plan("spos").architectures
    assert len(set(few)) == 4
    assert make_plan("darts", seed=7).architectures == few
    assert make_plan("spos", num_networks=10).architectures[:4] == few


def test_files_and_keys_of_methods_and_seeds_differ(make_plan: MakePlan, tmp_path: Path) -> None:
    plans = [make_plan("spos"), make_plan("darts"), make_plan("spos", seed=1), make_plan("spos", num_networks=5)]
    assert plans[2].file == tmp_path / "run" / "baselines" / "spos-seed1.json"
    assert plans[2].job == "baseline-spos-seed1"
    assert len({plan.key() for plan in plans}) == 4
    assert plans[0].settings()["baseline"]["method"] == "spos"


def test_more_networks_than_there_are_are_refused(make_plan: MakePlan, bench: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"--num-networks must be at most 10, the different networks of .*made.json, not 11"
    ):
        make_plan("spos", num_networks=11)
    assert default_num("spos", bench) == default_num("mnasnet", bench) == 10


def test_a_benchmark_of_another_space_is_refused(make_plan: MakePlan, tiny: Recipe) -> None:
    with pytest.raises((ArtifactError, SpaceError), match="are not in the run's space 'macro'"):
        make_plan("spos", recipe=replace(tiny, space="macro"))


def test_a_negative_seed_is_refused(make_plan: MakePlan) -> None:
    with pytest.raises(ConfigError, match="--seed must not be negative, not -1"):
        make_plan("spos", seed=-1)
