"""Rankings against closed forms, against each other, and against the figures known of NAS-Bench-Macro."""

from collections.abc import Callable
from dataclasses import astuple, replace
from pathlib import Path

import numpy as np
import pytest

from helixnas.artifacts import RatingTable
from helixnas.artifacts.agreement import Agreement, Estimate, agreement, partial_agreement
from helixnas.artifacts.ranking import ADDITIVE, SIZES, Ranking, SubsetRanking
from helixnas.costs import cost_table
from helixnas.errors import ArtifactError, ConfigError
from helixnas.lab import Benchmark, rank
from helixnas.lab.predictors import Summed, summed_kinds, summed_scores
from helixnas.lab.ranking import best_pearson
from helixnas.search import Tables
from helixnas.space import Architecture, SearchSpace, macro

Make = Callable[..., Benchmark]


@pytest.fixture
def rated(tables: Callable[..., Tables], small: SearchSpace) -> Tables:
    return tables(small)


@pytest.fixture
def noisy(small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables) -> Benchmark:
    """Accuracies that follow the score with noise, three trainings each."""
    plain = benchmark_of(small, every_network, lambda network: [0.5])
    score = summed_scores(plain, rated, summed_kinds(rated, ())[0])["relative_l1"]
    rng = np.random.default_rng(0)
    drawn = 0.9 - 0.2 * score[:, None] + rng.normal(scale=0.01, size=(81, 3))
    known = dict(zip(every_network, drawn.tolist(), strict=True))
    return benchmark_of(small, every_network, lambda network: known[network])


def part(ranking: Ranking, name: str) -> SubsetRanking:
    return next(each for each in ranking.subsets if each.name == name)


def figures(found: Agreement | Estimate) -> list[float]:
    return np.hstack([np.ravel(each) for each in astuple(found)]).tolist()


def test_correlations_and_intervals_are_those_of_agreement(noisy: Benchmark, rated: Tables, small: SearchSpace) -> None:
    found = rank(noisy, rated, small, num_resamples=50, seed=3)
    score = summed_scores(noisy, rated, summed_kinds(rated, ())[0])["relative_l1"]
    whole = part(found, "all")
    alone = agreement(-score, noisy.mean_accuracy, seed=3, num_resamples=50)
    assert figures(whole.agreement["relative_l1"]) == pytest.approx(figures(alone))
    controls = {name: np.array(found.networks[name]) for name in SIZES}
    expected = partial_agreement(-score, noisy.mean_accuracy, controls, seed=3, num_resamples=50)
    assert figures(whole.partial["relative_l1"]) == pytest.approx(figures(expected))
    trainings = noisy.trainings
    repeated = agreement(trainings[:, 1], trainings[:, 2], seed=3, num_resamples=50)
    assert figures(whole.ceiling["2 and 3"]) == pytest.approx(figures(repeated))


def test_a_score_that_is_the_error_ranks_perfectly_and_leads_over_size(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    plain = benchmark_of(small, every_network, lambda network: [0.5])
    score = summed_scores(plain, rated, summed_kinds(rated, ())[0])["relative_l1"]
    known = dict(zip(every_network, (1 - score / 2).tolist(), strict=True))
    found = rank(benchmark_of(small, every_network, lambda network: [known[network]]), rated, small, num_resamples=30)
    whole = part(found, "all")
    assert whole.agreement["relative_l1"].kendall == pytest.approx(1)
    assert whole.partial["relative_l1"].value == pytest.approx(1)
    lead = whole.lead["relative_l1"]["macs"]
    assert lead.value == pytest.approx(1 - whole.agreement["macs"].kendall)
    assert 0 < lead.interval[0] < lead.value < lead.interval[1]
    assert found.regret("relative_l1") == 0 < found.regret("random")
    assert (whole.ceiling, whole.best_pearson) == ({}, None)


def test_the_lead_is_paired_so_equal_predictors_never_differ(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    rng = np.random.default_rng(0)
    benchmark = benchmark_of(small, every_network, lambda network: [float(rng.uniform())])
    found = rank(benchmark, rated, small, num_resamples=20)
    assert found.networks["params"] == tuple(3 * value for value in found.networks["macs"])
    leads = part(found, "all").lead["relative_l1"]
    assert leads["macs"].interval == pytest.approx(leads["params"].interval)


def test_every_kind_of_score_and_every_sum_of_a_search_is_ranked(
    noisy: Benchmark, tables: Callable[..., Tables], small: SearchSpace
) -> None:
    rated = tables(small, ("relative_l1", "task"))
    found = rank(noisy, rated, small, searches=[Summed(scores=("task", "relative_l1"))], num_resamples=5)
    assert found.scores == ("relative_l1", "task", "task + relative_l1")
    assert found.search_score == "task + relative_l1"
    for subset in found.subsets:
        assert set(subset.agreement) == {*found.scores, *SIZES}
        assert set(subset.partial) == set(subset.lead) == set(found.scores)
    assert set(found.budgets[0].picks) == {*found.scores, *SIZES, ADDITIVE}
    assert all(found.budgets[-1].picks[name].architecture is not None for name in found.scores)


def test_what_a_score_adds_to_size_and_the_best_untrained_proxy_is_told(
    noisy: Benchmark, tables: Callable[..., Tables], small: SearchSpace
) -> None:
    rated = tables(small, ("relative_l1", "snip", "naswot"))
    known = summed_scores(noisy, rated, summed_kinds(rated, ())[0])
    better = (
        -known["relative_l1"] + 0.3 * known["naswot"]
    )  # so that the one of the two proxies is better than the other
    networks = [
        replace(each, accuracy=(float(value),)) for each, value in zip(noisy.networks, share(better), strict=True)
    ]
    found = rank(replace(noisy, networks=tuple(networks)), rated, small, num_resamples=20, seed=1)
    taus = {name: part(found, "all").agreement[name].kendall for name in ("snip", "naswot")}
    assert found.proxy == max(taus, key=lambda name: taus[name])
    assert list(part(found, "all").beyond) == ["relative_l1"]
    controls = {name: np.array(found.networks[name]) for name in (*SIZES, found.proxy)}
    expected = partial_agreement(-known["relative_l1"], share(better), controls, seed=1, num_resamples=20)
    assert part(found, "all").beyond["relative_l1"].value == pytest.approx(expected.value)
    assert rank(noisy, tables(small), small, num_resamples=2).proxy == ""


def test_what_only_the_depths_of_blocks_tell_is_nothing_given_depth_per_block(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    def turned(table: RatingTable) -> RatingTable:
        depths = np.array([text.count("mb") for text in table.path], dtype=float)
        scores = {1: 3 - depths, 2: depths}[table.block]  # adds up to 3 minus the first block's lead in depth
        return replace(table, scores={"relative_l1": np.tile(scores[:, None], 2)})

    deep = [network for network in every_network if all(path.effective_depth for path in network.paths)]
    layers = {each: [path.effective_depth for path in each.paths] for each in deep}
    made = benchmark_of(small, deep, lambda network: [0.5 + 0.1 * (layers[network][0] - layers[network][1])])
    whole = part(rank(made, replace(rated, ratings=tuple(map(turned, rated.ratings))), small, num_resamples=5), "all")
    assert whole.partial["relative_l1"].value == pytest.approx(1)
    assert whole.given_block_depths == {"relative_l1": Estimate(0.0, (0.0, 0.0))}


@pytest.mark.parametrize("proxies", [(), ("naswot",)])
def test_depth_per_block_is_held_fixed_beside_size_and_the_proxy(
    noisy: Benchmark, tables: Callable[..., Tables], small: SearchSpace, proxies: tuple[str, ...]
) -> None:
    rated = tables(small, ("relative_l1", *proxies))
    found = rank(noisy, rated, small, num_resamples=20, seed=1)
    controls = {name: np.array(found.networks[name]) for name in (*SIZES, *proxies)}
    for block in range(2):
        own = [network.architecture.paths[block].effective_depth for network in noisy.networks]
        controls[f"depth {block}"] = np.array(own, dtype=float)
    score = -np.array(found.networks["relative_l1"])
    expected = partial_agreement(score, noisy.mean_accuracy, controls, seed=1, num_resamples=20)
    assert list(part(found, "all").given_block_depths) == ["relative_l1"]
    assert part(found, "all").given_block_depths["relative_l1"].value == pytest.approx(expected.value)
    assert part(found, "all").given_block_depths["relative_l1"].interval == pytest.approx(expected.interval)
    assert part(found, "no_identity").given_block_depths == {}  # all have the same depths


def test_the_number_of_layers_is_a_size_and_never_the_best_proxy(
    noisy: Benchmark, tables: Callable[..., Tables], small: SearchSpace
) -> None:
    assert rank(noisy, tables(small, ("relative_l1", "num_layers")), small, num_resamples=2).proxy == ""
    assert rank(noisy, tables(small, ("num_layers", "snip")), small, num_resamples=2).proxy == "snip"


def share(values: np.ndarray) -> np.ndarray:
    return 0.1 + 0.8 * (values - values.min()) / np.ptp(values)


def test_the_best_additive_fit_is_ranked_beside_the_scores_where_every_network_is_known(
    small: SearchSpace, every_network: list[Architecture], benchmark_of: Make, rated: Tables
) -> None:
    plain = benchmark_of(small, every_network, lambda network: [0.5])
    score = summed_scores(plain, rated, summed_kinds(rated, ())[0])["relative_l1"]
    known = dict(zip(every_network, (1 - np.exp(3 * score - 4)).tolist(), strict=True))
    benchmark = benchmark_of(small, every_network, lambda network: [known[network]])
    found = rank(benchmark, rated, small, num_resamples=5)
    assert all(each.additive is not None for each in found.subsets)
    fit, same = part(found, "all").additive, part(found, "all").agreement["relative_l1"]
    assert fit is not None
    assert (fit.kendall, fit.pearson) == pytest.approx((same.kendall, same.pearson))
    assert fit.pearson_interval == pytest.approx(same.pearson_interval)
    assert found.regret(ADDITIVE) == 0
    assert found.pickers == ("relative_l1", *SIZES, ADDITIVE, "random")
    sample = rank(replace(benchmark, networks=benchmark.networks[1:]), rated, small, num_resamples=5)
    assert all(each.additive is None for each in sample.subsets)
    assert sample.pickers == ("relative_l1", *SIZES, "random")


def test_one_block_has_no_additive_fit_because_it_would_be_the_accuracies_themselves(
    benchmark_of: Make, tables: Callable[..., Tables]
) -> None:
    single = macro(name="single", widths=(4,), depths=(2,), stem_width=4, head_width=16)
    networks = [single.architecture((path,)) for path in single.blocks[0].paths()]
    rising = iter(range(1, 100))
    made = benchmark_of(single, networks, lambda network: [next(rising) / 100])
    found = rank(made, tables(single), single, num_resamples=2)
    assert part(found, "all").additive is None
    assert ADDITIVE not in found.pickers


def test_subsets_of_too_few_networks_are_left_out_with_the_reason(
    noisy: Benchmark, rated: Tables, small: SearchSpace
) -> None:
    found = rank(noisy, rated, small, num_resamples=10)
    assert [each.name for each in found.subsets] == ["all", "no_identity", "equal_macs"]
    assert found.skipped == {"top_decile": "9 different networks, of at least 10"}


def test_the_same_seed_gives_the_same_ranking_and_progress_is_told(
    noisy: Benchmark, rated: Tables, small: SearchSpace
) -> None:
    told: list[tuple[int, int]] = []
    first = rank(noisy, rated, small, num_resamples=10, advance=lambda done, total: told.append((done, total)))
    assert told == [(10, 30), (20, 30), (30, 30)]  # all resamples of a subset at once, as it is small
    assert rank(noisy, rated, small, num_resamples=10) == first
    assert rank(noisy, rated, small, num_resamples=10, seed=1).subsets != first.subsets


def test_a_ranking_is_read_back_as_it_was_saved(
    noisy: Benchmark, rated: Tables, small: SearchSpace, tmp_path: Path
) -> None:
    found = rank(noisy, rated, small, num_resamples=10)
    found.save(tmp_path / "ranking.json")
    assert Ranking.load(tmp_path / "ranking.json") == found


def test_a_benchmark_of_another_space_is_refused_with_an_example(
    every_network: list[Architecture], benchmark_of: Make, rated: Tables, small: SearchSpace
) -> None:
    other = macro(name="other", widths=(4, 8), depths=(2, 2), stem_width=4, head_width=32)
    benchmark = benchmark_of(other, [other.parse(network.text) for network in every_network], lambda network: [0.5])
    with pytest.raises(
        ArtifactError, match="81 of the 81 networks of made are not in the run's space 'small', such as"
    ):
        rank(benchmark, rated, small)


def test_too_few_networks_and_resamples_are_refused(
    every_network: list[Architecture], benchmark_of: Make, rated: Tables, small: SearchSpace
) -> None:
    twice = benchmark_of(small, [*every_network[:2], *every_network[:2]], lambda network: [0.5])
    with pytest.raises(ArtifactError, match="made holds 2 different networks; a ranking needs at least 3"):
        rank(twice, rated, small)
    once = benchmark_of(small, every_network[:1], lambda network: [0.5])
    with pytest.raises(ArtifactError, match="made holds 1 different network; a ranking needs at least 3"):
        rank(once, rated, small)
    for number, shown in ((1, "1"), (10**15, "1,000,000,000,000,000")):
        with pytest.raises(ConfigError, match=f"an interval needs 2 to 100,000 resamples, not {shown}"):
            rank(twice, rated, small, num_resamples=number)


def test_networks_of_one_accuracy_are_nothing_to_rank(
    every_network: list[Architecture], benchmark_of: Make, rated: Tables, small: SearchSpace
) -> None:
    alike = benchmark_of(small, every_network, lambda network: [0.5])
    with pytest.raises(ArtifactError, match="all networks of made have the same accuracy, so there is nothing to rank"):
        rank(alike, rated, small)


def test_a_perfect_predictor_correlates_with_the_mean_as_spearman_and_brown_say() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=20_000)
    trainings = truth[:, None] + rng.normal(size=(20_000, 3))
    expected = np.corrcoef(truth, trainings.mean(1))[0, 1]
    assert best_pearson(trainings) == pytest.approx(expected, abs=0.01)
    assert best_pearson(np.array([[1.0, 3.0], [2.0, 2.0], [3.0, 1.0]])) == 0.0


def test_nas_bench_macro_ranks_by_size_as_is_known_of_it(
    nas_bench_macro: Benchmark, tables: Callable[..., Tables]
) -> None:
    space = macro()
    made = tables(space)
    rated = Tables(ratings=made.ratings, costs=cost_table(space, image_size=32, num_classes=10))
    found = rank(nas_bench_macro, rated, space, num_resamples=2)
    whole, full = part(found, "all"), part(found, "no_identity")
    taus = {name: whole.agreement[name].kendall for name in SIZES}
    assert taus == pytest.approx({"macs": 0.556, "params": 0.218, "depth": 0.693}, abs=5e-4)
    assert whole.ceiling["1 and 2"].kendall == pytest.approx(0.882, abs=5e-4)
    assert (full.num_rows, full.num_networks) == (256, 256)
    assert full.ceiling["1 and 2"].kendall == pytest.approx(0.331, abs=5e-4)
    assert full.agreement["macs"].kendall == pytest.approx(0.543, abs=5e-4)
    assert full.agreement["depth"].kendall == 0  # all have the same
    assert full.best_pearson is not None
    assert full.best_pearson > full.agreement["macs"].pearson
    assert part(found, "top_decile").num_rows == 660
    assert whole.additive is not None
    assert whole.additive.kendall == pytest.approx(0.8686, abs=5e-4)
    assert 100 * found.regret(ADDITIVE) == pytest.approx(0.76, abs=5e-3)
    assert found.budgets[-1].best == pytest.approx(0.9313, abs=5e-5)
    assert found.picked_by == "the exact search over the whole space"
