"""The figures of a generation against a benchmark, and what makes them be measured again."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts.lineage import LineageFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError
from helixnas.generations.run import run_generations
from helixnas.lab import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.recipe import Recipe
from helixnas.search.config import SearchConfig
from helixnas.space import SearchSpace, load_space


def benchmark_of(space: SearchSpace, path: Path) -> Path:
    """Write all networks of a space of two blocks with made-up accuracies."""
    rng = np.random.default_rng(0)
    first, second = space.blocks
    networks = tuple(
        TrainedNetwork(architecture=space.architecture((a, b)), accuracy=(float(rng.uniform(0.5, 0.9)),))
        for a in first.paths()
        for b in second.paths()
    )
    save_benchmark(Benchmark(name="made", space=space, networks=networks), path)
    return path


def test_with_a_benchmark_every_generation_is_ranked_and_judged_by_it(
    tiny_plus: Recipe, two: LineageFolder, tmp_path: Path
) -> None:
    file = benchmark_of(load_space(tiny_plus.space), tmp_path / "made.json")
    assert tiny_plus.generations is not None
    recipe = replace(tiny_plus, generations=replace(tiny_plus.generations, benchmark=str(file)))
    before = [folder.load_record().stages["rate"] for folder in two.runs()]
    lineage = run_generations(recipe, two, Reporter(), until="search")
    assert [folder.load_record().stages["rate"] for folder in two.runs()] == before
    known = {each.architecture.text: each.accuracy[0] for each in load_benchmark(file).networks}
    for one in lineage.generations:
        assert one.quality is not None
        assert one.trained is not None
        assert one.picked is not None
        assert (one.quality.check, one.quality.value) == ("benchmark", pytest.approx(known[one.winner]))
        assert one.trained.num_networks == len(known)
    assert lineage.best.quality == max(
        (one.quality for one in lineage.generations if one.quality), key=lambda q: q.value
    )


@pytest.mark.slow
def test_the_search_that_teaches_is_ranked_not_the_first_one(
    tiny_plus: Recipe, two: LineageFolder, tmp_path: Path
) -> None:
    file = benchmark_of(load_space(tiny_plus.space), tmp_path / "made.json")
    assert tiny_plus.generations is not None
    weighted = SearchConfig(scores=("task_kl",), weights=(1.0, 2.0))
    recipe = replace(
        tiny_plus,
        searches={**tiny_plus.searches, "weighted": weighted},
        generations=replace(tiny_plus.generations, search="weighted", benchmark=str(file)),
    )
    lineage = run_generations(recipe, two, Reporter(), until="search")
    assert {one.trained.score for one in lineage.generations if one.trained} == {"task_kl (blocks weighted 1, 2)"}


def test_a_benchmark_of_another_space_is_told_before_the_first_generation(tiny_plus: Recipe, tmp_path: Path) -> None:
    other = load_space({"family": "macro"})
    file = tmp_path / "macro.json"
    networks = tuple(
        TrainedNetwork(architecture=other.sample(np.random.default_rng(k)), accuracy=(0.5,)) for k in range(3)
    )
    save_benchmark(Benchmark(name="macro", space=other, networks=networks), file)
    assert tiny_plus.generations is not None
    recipe = replace(tiny_plus, generations=replace(tiny_plus.generations, benchmark=str(file)))
    out = LineageFolder(tmp_path / "out")
    with pytest.raises(ArtifactError):
        run_generations(recipe, out, Reporter())
    assert not out.exists()


def test_costs_are_those_of_the_stages_and_of_the_check(two: LineageFolder) -> None:
    for one, folder in zip(two.load().generations, two.runs(), strict=True):
        stages = folder.load_record().stages
        assert "proxies" in stages
        counted = [stage for name, stage in stages.items() if not name.startswith("retrain")]
        assert one.quality is not None
        assert one.seconds == pytest.approx(sum(stage.seconds for stage in counted) + one.quality.seconds, abs=0.01)
        cores = sum(stage.core_seconds or 0.0 for stage in counted)
        assert one.core_seconds == pytest.approx(cores + one.quality.core_seconds, abs=0.01)
