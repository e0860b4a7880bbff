"""Ranking a run against a benchmark: what it leaves, what it prints, and what it refuses."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from helixnas.artifacts.ranking import Ranking
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.tables.ranking import show_ranking
from helixnas.engine.progress import Reporter
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.lab import Benchmark, load_benchmark, save_benchmark
from helixnas.lab.trained import TrainedNetwork
from helixnas.pipeline.ad_hoc.rank import rank_run
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.space import load_space


@pytest.fixture
def copy(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.path, tmp_path / "copy")
    return RunFolder(tmp_path / "copy")


@pytest.fixture
def bench(tiny: Recipe, tmp_path: Path) -> Path:
    """All networks of the tiny space, with made-up accuracies of two trainings."""
    space, rng = load_space(tiny.space), np.random.default_rng(0)
    first, second = space.blocks
    networks = tuple(
        TrainedNetwork(architecture=space.architecture((a, b)), accuracy=tuple(rng.uniform(0.5, 0.9, 2).tolist()))
        for a in first.paths()
        for b in second.paths()
    )
    save_benchmark(Benchmark(name="made", space=space, networks=networks), tmp_path / "made.json")
    return tmp_path / "made.json"


def test_a_ranking_leaves_figures_and_a_page_beside_the_run(copy: RunFolder, bench: Path) -> None:
    ranked = rank_run(copy, bench, Reporter(), num_resamples=10)
    assert ranked.figures == copy.path / "rankings" / "made" / "ranking.json"
    assert Ranking.load(ranked.figures) == ranked.ranking
    assert ranked.page.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert ranked.ranking.run["recipe"] == "tiny"
    stages, record = ranked.ranking.run["stages"], copy.load_record()
    assert stages["rate"]["key"] == record.stages["rate"].key
    assert {name: stage["core_seconds"] for name, stage in stages.items()} == {
        name: record.stages[name].core_seconds for name in ("teacher", "distill", "rate")
    }
    assert ranked.ranking.benchmark["num_networks"] == 24
    assert ranked.ranking.picked_by == "the exact search over the whole space"
    assert [name for name in ranked.ranking.networks if name not in ("architecture", "accuracy")] == [
        "relative_l1", "task_kl", "macs", "params", "depth",
    ]  # fmt: skip


def test_proxies_of_other_settings_are_left_out_with_a_word_or_refused(
    copy: RunFolder, bench: Path, tiny: Recipe, listener
) -> None:
    for block in (1, 2):
        table = RatingTable.load(copy.rating(block))
        replace(table, scores={"naswot": table.batches()}).save(copy.proxy(block))
    record = copy.load_record()
    stage = copy.stage_record(key="old", settings={}, files=["proxies/block-1.parquet"], facts={}, seconds=0.0)
    copy.save_record(record.with_stage("proxies", stage))
    copy.save_settings(replace(tiny, proxies=replace(tiny.proxies, num_networks=3)).to_dict())
    ranked = rank_run(copy, bench, listener, num_resamples=2)
    assert "naswot" not in ranked.ranking.networks
    assert "proxies" not in ranked.ranking.run["stages"]
    (said,) = [
        text for text in listener.said if text.startswith("scores are left out: the proxies stage is out of date")
    ]
    assert said.endswith(f"bring it up to date with: helixnas proxies {copy.path}")
    with pytest.raises(ArtifactError, match="the score naswot cannot be added up: the proxies stage is out of date"):
        rank_run(copy, bench, listener, scores=[("relative_l1", "naswot")], num_resamples=2)


def test_networks_that_were_not_trained_equally_often_are_told(copy: RunFolder, bench: Path, listener) -> None:
    whole = load_benchmark(bench)
    first, *others = whole.networks
    fewer = (replace(first, accuracy=first.accuracy[:1]), *others)
    save_benchmark(replace(whole, networks=fewer), bench)
    rank_run(copy, bench, listener, num_resamples=2)
    assert (
        "1 of the 24 networks of made were trained 1 x, others up to 2 x: means use all trainings, the noise ceiling on the "
        "first 1 of each"
    ) in listener.said


def test_networks_that_were_trained_equally_often_are_passed_over(copy: RunFolder, bench: Path, listener) -> None:
    rank_run(copy, bench, listener, num_resamples=2)
    assert not any("were trained" in said for said in listener.said)


def test_a_file_whose_name_would_leave_the_folder_of_rankings_is_refused(copy: RunFolder, bench: Path) -> None:
    outside = bench.rename(bench.with_name("...json"))
    with pytest.raises(ArtifactError, match="names no folder for its ranking"):
        rank_run(copy, outside, Reporter(), num_resamples=2)
    assert not (copy.path / "ranking.json").exists()


def test_a_sum_that_is_asked_for_is_ranked_too_and_one_that_was_not_rated_is_refused(
    copy: RunFolder, bench: Path
) -> None:
    sums = [("relative_l1", "task_kl")]
    ranking = rank_run(copy, bench, Reporter(), scores=sums, num_resamples=2).ranking
    assert ranking.scores == ("relative_l1", "task_kl", "relative_l1 + task_kl")
    assert ranking.search_score == "relative_l1"
    with pytest.raises(UnknownNameError, match="unknown score 'task'; did you mean task_kl"):
        rank_run(copy, bench, Reporter(), scores=[("task",)])


def test_what_the_searches_of_the_recipe_add_up_is_ranked(tiny: Recipe, copy: RunFolder, bench: Path) -> None:
    settings = copy.load_settings()
    settings["searches"]["small"]["scores"] = ["task_kl", "relative_l1"]
    copy.save_settings(settings)
    assert rank_run(copy, bench, Reporter(), num_resamples=2).ranking.search_score == "task_kl + relative_l1"


def test_the_picks_of_the_widest_budget_are_those_of_a_search_without_limits(copy: RunFolder, bench: Path) -> None:
    ranking = rank_run(copy, bench, Reporter(), num_resamples=2).ranking
    best = int(np.argmin(ranking.networks["relative_l1"]))
    assert ranking.budgets[-1].picks["relative_l1"].architecture == ranking.networks["architecture"][best]


def test_figures_are_printed_with_their_intervals(copy: RunFolder, bench: Path) -> None:
    ranked = rank_run(copy, bench, Reporter(), num_resamples=10)
    console = Console(record=True, width=160)
    show_ranking(console, ranked)
    said = console.export_text()
    for words in ("All networks: 24 rows, 24 networks", "training 1 against 2", "mean regret", "random picks"):
        assert words in said
    assert "Top decile: left out, 3 different networks, of at least 10." in said
    assert f"page: {ranked.page}" in said


def test_regrets_are_told_at_80_columns_with_the_limit_of_the_largest(copy: RunFolder, bench: Path) -> None:
    ranked = rank_run(copy, bench, Reporter(), num_resamples=2)
    console = Console(record=True, width=80)
    show_ranking(console, ranked)
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in console.export_text().splitlines()]
    told = next(row for row in rows if len(row) == 4 and row[0] == "MACs")  # correlations come after it
    regrets = {each.macs: 100 * (each.best - each.picks["macs"].accuracy) for each in ranked.ranking.budgets}
    largest = max(regrets.values())
    assert told[1:3] == [f"{sum(regrets.values()) / len(regrets):.2f}", f"{largest:.2f}"]
    assert regrets[int(told[3].replace(",", ""))] == largest


def test_a_cleared_folder_keeps_no_ranking(copy: RunFolder, bench: Path) -> None:
    rank_run(copy, bench, Reporter(), num_resamples=2)
    copy.clear()
    assert not (copy.path / "rankings").exists()


def test_a_run_that_is_not_rated_is_told_how_to_go_on(tiny: Recipe, tmp_path: Path, bench: Path) -> None:
    folder = RunFolder(tmp_path / "begun")
    run_recipe(tiny, folder, Reporter(), until="teacher")
    with pytest.raises(ArtifactError, match=r"has no rate stage yet; continue with: helixnas run .*config.yaml"):
        rank_run(folder, bench, Reporter())
    assert not (folder.path / "rankings").exists()


def test_a_run_whose_space_was_removed_by_hand_is_one_sentence(copy: RunFolder, bench: Path) -> None:
    copy.config.write_text("seed: 0\n")
    with pytest.raises(ArtifactError, match=r"config.yaml was changed by hand and lacks settings \('space'\)"):
        rank_run(copy, bench, Reporter())
