"""Baselines beside a run: on exactly their networks, each turned the right way, with its cost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.artifacts.baseline import Baseline, BaselinePoint
from helixnas.artifacts.ranking import SIZES, Ranking
from helixnas.lab import Benchmark, rank
from helixnas.lab.comparison import RunCost, compare
from helixnas.search import Tables
from helixnas.space import Architecture, SearchSpace

COST = RunCost(images_seen=1000, core_seconds=60.0)


@pytest.fixture
def ranking(
    tables: Callable[..., Tables],
    small: SearchSpace,
    every_network: list[Architecture],
    benchmark_of: Callable[..., Benchmark],
) -> Ranking:
    rng = np.random.default_rng(0)
    twice = [*every_network, *every_network[:10]]  # some are listed under two names
    benchmark = benchmark_of(small, twice, lambda network: [float(rng.uniform())])
    return rank(benchmark, tables(small), small, num_resamples=5)


def baseline_of(
    ranking: Ranking, networks: list[str], *, method: str = "spos", kind: str = "loss", sign: float = -1.0
) -> Baseline:
    """Return a baseline that knows the accuracies at its second point and has them backwards at its first."""
    truth = accuracies(ranking, networks)
    points = tuple(
        BaselinePoint(
            epoch=epoch,
            images_seen=int(100 * epoch),
            seconds=epoch,
            core_seconds=2 * epoch,
            rating_seconds=0.25,
            rating_core_seconds=0.5,
            scores={kind: tuple((own * truth).tolist())},
        )
        for epoch, own in ((1.0, -sign), (2.0, sign))
    )
    return Baseline(
        method=method,
        seed=0,
        benchmark="made",
        device="cpu",
        key="k",
        settings={},
        networks=tuple(networks),
        points=points,
    )


def accuracies(ranking: Ranking, networks: list[str]) -> np.ndarray:
    names, values = np.array(ranking.networks["architecture"]), np.array(ranking.networks["accuracy"])
    return np.array([values[names == text].mean() for text in networks])


def test_every_row_is_of_the_baselines_networks_with_its_cost(ranking: Ranking) -> None:
    networks = [each for each in dict.fromkeys(ranking.networks["architecture"])][5:45]
    (found,) = compare(ranking, [baseline_of(ranking, networks)], cost=COST, num_resamples=10, seed=2)
    assert found.networks == tuple(networks)
    rows = {(row.name, row.epoch): row for row in found.rows}
    assert list(rows) == [
        ("spos", 1.0), ("spos", 2.0), ("relative_l1", None), ("macs", None), ("params", None), ("depth", None),
    ]  # fmt: skip
    assert rows["spos", 1.0].agreement.kendall == pytest.approx(-1)
    assert rows["spos", 2.0].agreement.kendall == pytest.approx(1)
    assert rows["spos", 2.0].partial.value == pytest.approx(1)
    assert (rows["spos", 2.0].images_seen, rows["spos", 2.0].core_seconds) == (200, 4.5)
    assert (rows["relative_l1", None].images_seen, rows["relative_l1", None].core_seconds) == (1000, 60.0)
    assert (rows["macs", None].images_seen, rows["macs", None].core_seconds) == (0, 0.0)


def test_the_runs_figures_are_those_of_agreement_on_the_same_networks(ranking: Ranking) -> None:
    networks = [each for each in dict.fromkeys(ranking.networks["architecture"])][::2]
    (found,) = compare(ranking, [baseline_of(ranking, networks)], cost=COST, num_resamples=20, seed=2)
    place = [ranking.networks["architecture"].index(text) for text in networks]
    score = -np.array(ranking.networks["relative_l1"])[place]
    controls = {size: np.array(ranking.networks[size], dtype=float)[place] for size in SIZES}
    own = next(row for row in found.rows if row.name == "relative_l1")
    truth = accuracies(ranking, networks)
    assert own.agreement == agreement(score, truth, seed=2, num_resamples=20)
    assert own.partial == partial_agreement(score, truth, controls, seed=2, num_resamples=20)


def test_baselines_on_the_same_networks_share_a_comparison_whatever_their_order(ranking: Ranking) -> None:
    names = list(dict.fromkeys(ranking.networks["architecture"]))
    first = baseline_of(ranking, names[:30])
    second = baseline_of(ranking, names[:30][::-1], method="darts", kind="log_probability", sign=1.0)
    third = baseline_of(ranking, names[:10], method="mnasnet", kind="accuracy", sign=1.0)
    large, few = compare(ranking, [third, first, second], cost=COST, num_resamples=5, seed=0)
    assert (len(large.networks), len(few.networks)) == (30, 10)
    assert {name: points[-1].agreement.kendall for name, points in large.curves().items()} == pytest.approx(
        {"spos": 1, "darts": 1}
    )
    assert list(few.curves()) == ["mnasnet"]


def test_an_untrained_baseline_on_the_same_networks_is_a_further_control(ranking: Ranking) -> None:
    networks = list(dict.fromkeys(ranking.networks["architecture"]))
    untrained = baseline_of(ranking, networks, method="naswot", kind="naswot", sign=1.0)
    noise = np.random.default_rng(1).normal(size=len(networks))
    free = accuracies(ranking, networks) + 0.3 * noise
    last = replace(untrained.points[1], scores={"naswot": tuple(free.tolist())})
    counted = baseline_of(ranking, networks, method="num_layers", kind="num_layers", sign=1.0)
    group = [baseline_of(ranking, networks), replace(untrained, points=(last,)), counted]
    (found,) = compare(ranking, group, cost=COST, num_resamples=10, seed=2)
    assert found.proxy == "naswot"  # the number of layers is a size
    place = [ranking.networks["architecture"].index(text) for text in networks]
    controls = {size: np.array(ranking.networks[size], dtype=float)[place] for size in SIZES} | {"naswot": free}
    score = -np.array(ranking.networks["relative_l1"])[place]
    rows = {row.name: row for row in found.rows}
    expected = partial_agreement(score, accuracies(ranking, networks), controls, seed=2, num_resamples=10)
    assert rows["relative_l1"].beyond == expected
    assert rows["spos"].beyond is not None
    assert {name for name, row in rows.items() if row.beyond is None} == {"naswot", "num_layers", *SIZES}
    (alone,) = compare(ranking, group[:1], cost=COST, num_resamples=2, seed=2)
    assert (alone.proxy, {row.beyond for row in alone.rows}) == ("", {None})


def test_a_score_costs_what_all_scores_in_its_sum_cost() -> None:
    cost = RunCost(images_seen=1, core_seconds=100.0, apart={"naswot": 7.0, "calibrated": 500.0, "snip": None})
    assert cost.of("log_kl") == 100.0
    assert cost.of("log_kl + final_l1 (blocks weighted 1, 2)") == 100.0
    assert cost.of("log_kl + naswot") == 107.0
    assert cost.of("naswot") == 7.0
    assert cost.of("calibrated") == 500.0
    assert cost.of("log_kl + snip") is None
    assert RunCost(images_seen=1, core_seconds=None, apart={"naswot": 7.0}).of("log_kl + naswot") is None


def test_a_ranking_with_baselines_reads_back_and_one_without_is_as_before(ranking: Ranking, tmp_path: Path) -> None:
    names = list(dict.fromkeys(ranking.networks["architecture"]))
    cost = RunCost(images_seen=None, core_seconds=None)
    found = replace(
        ranking, baselines=compare(ranking, [baseline_of(ranking, names)], cost=cost, num_resamples=5, seed=0)
    )
    found.save(tmp_path / "ranking.json")
    assert Ranking.load(tmp_path / "ranking.json") == found
    assert ranking.baselines == ()
