import numpy as np
import pytest
from scipy import stats

import helixnas.artifacts.agreement as module
from helixnas.artifacts.agreement import (
    Given,
    agreement,
    correlations,
    of_resamples,
    paired_kendall,
    partial_agreement,
    partial_spearman,
    resamples,
)


def test_predictor_of_the_same_order_agrees_perfectly() -> None:
    values = np.arange(20.0)
    found = agreement(np.exp(values), values)
    assert found.kendall == pytest.approx(1)
    assert found.spearman == pytest.approx(1)
    assert found.kendall_interval == pytest.approx((1, 1))
    assert found.spearman_interval == pytest.approx((1, 1))


def test_predictor_of_the_reversed_order_disagrees_perfectly() -> None:
    values = np.arange(20.0)
    found = agreement(-values, values)
    assert found.kendall == pytest.approx(-1)
    assert found.spearman == pytest.approx(-1)


def test_differences_of_a_predictor_rank_as_the_predictor_does() -> None:
    rng = np.random.default_rng(0)
    predicted, measured = rng.integers(6, size=(2, 20)).astype(float)
    found = paired_kendall(predicted[:, None] - predicted, measured)
    whole = agreement(predicted, measured)
    assert found.value == pytest.approx(whole.kendall)
    assert found.interval == pytest.approx(whole.kendall_interval)


@pytest.mark.parametrize("constant", [0, 1])
def test_constant_differences_rank_nothing(constant: int) -> None:
    values = [np.arange(5.0), np.arange(5.0)]
    values[constant] = np.zeros(5)
    predicted, measured = values
    assert paired_kendall(predicted[:, None] - predicted, measured).value == 0


@pytest.mark.parametrize("constant", [0, 1])
def test_constant_values_rank_nothing(constant: int) -> None:
    values = [np.arange(10.0), np.arange(10.0)]
    values[constant] = np.full(10, 3.0)
    found = agreement(values[0], values[1])
    assert (found.kendall, found.spearman) == (0, 0)
    assert found.kendall_interval == found.spearman_interval == (0, 0)


def test_one_swapped_pair_of_four_costs_a_third_of_tau() -> None:
    found = agreement(np.array([1.0, 2.0, 4.0, 3.0]), np.arange(4.0))
    assert found.kendall == pytest.approx((5 - 1) / 6)
    assert found.spearman == pytest.approx(1 - 6 * 2 / (4 * 15))


def test_ties_are_counted_as_in_tau_b() -> None:
    found = agreement(np.array([1.0, 1.0, 2.0]), np.arange(3.0))
    assert found.kendall == pytest.approx(2 / np.sqrt(2 * 3))


def test_interval_contains_the_estimate_and_narrows_with_more_networks() -> None:
    rng = np.random.default_rng(0)
    widths = list[float]()
    for number in (20, 200):
        quality = rng.normal(size=number)
        found = agreement(quality + rng.normal(size=number), quality)
        for value, (low, high) in (
            (found.kendall, found.kendall_interval),
            (found.spearman, found.spearman_interval),
        ):
            assert -1 <= low < value < high <= 1
        widths.append(found.kendall_interval[1] - found.kendall_interval[0])
    assert widths[1] < 0.5 * widths[0]


def test_interval_covers_the_true_correlation_about_as_often_as_it_says() -> None:
    rng, covered = np.random.default_rng(1), 0
    for seed in range(40):
        quality = rng.normal(size=40)
        found = agreement(quality + rng.normal(size=40), quality, seed=seed, num_resamples=100)
        covered += found.kendall_interval[0] < 0.5 < found.kendall_interval[1]  # tau of rho = 1 / sqrt 2
    assert stats.binomtest(covered, 40, 0.92).pvalue > 0.01


def test_same_seed_gives_the_same_interval() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 15))
    first, again, other = (agreement(a, b, seed=seed, num_resamples=100) for seed in (4, 4, 5))
    assert first == again
    assert first.kendall_interval != other.kendall_interval


def test_figures_are_handed_out_as_plain_values() -> None:
    found = agreement(np.arange(5.0), np.arange(5.0))
    kinds = ("kendall", "spearman", "pearson")
    assert set(found.to_dict()) == {name for kind in kinds for name in (kind, f"{kind}_interval")}


def test_partial_correlation_is_zero_when_size_explains_everything() -> None:
    size = np.random.default_rng(0).normal(size=30)
    assert partial_spearman(np.exp(size), size**3, {"macs": size}) == 0


def test_partial_correlation_without_controls_is_spearmans() -> None:
    a, b = np.random.default_rng(0).normal(size=(2, 30))
    assert partial_spearman(a, b, {}) == pytest.approx(float(stats.spearmanr(a, b)[0]))


def test_partial_correlation_with_one_control_has_its_closed_form() -> None:
    rng = np.random.default_rng(0)
    size = rng.normal(size=50)
    a, b = size + rng.normal(size=50), size - rng.normal(size=50)
    ab, ac, bc = (float(stats.spearmanr(x, y)[0]) for x, y in ((a, b), (a, size), (b, size)))
    expected = (ab - ac * bc) / np.sqrt((1 - ac**2) * (1 - bc**2))
    assert partial_spearman(a, b, {"macs": size}) == pytest.approx(expected)


def test_partial_correlation_does_not_mind_a_control_named_twice() -> None:
    rng = np.random.default_rng(0)
    a, b, size = rng.normal(size=(3, 50))
    once = partial_spearman(a, b, {"macs": size})
    assert partial_spearman(a, b, {"macs": size, "params": 2 * size}) == pytest.approx(once)


@pytest.mark.parametrize("number", [5, 60, 500])
def test_correlations_are_those_of_scipy_ties_included(number: int) -> None:
    rng = np.random.default_rng(number)
    a, b = rng.normal(size=(2, number)).round(1)
    found = correlations(a, b)
    assert found.kendall == pytest.approx(float(stats.kendalltau(a, b)[0]))
    assert found.spearman == pytest.approx(float(stats.spearmanr(a, b)[0]))
    assert found.pearson == pytest.approx(float(stats.pearsonr(a, b)[0]))


def test_the_partial_correlation_has_an_interval_around_it() -> None:
    rng = np.random.default_rng(0)
    size, quality = rng.normal(size=(2, 60))
    found = partial_agreement(quality + size, quality, {"macs": size}, num_resamples=200)
    assert found.value == partial_spearman(quality + size, quality, {"macs": size})
    assert 0 < found.interval[0] < found.value < found.interval[1] <= 1


@pytest.mark.parametrize("number", [3, 8, 40])
@pytest.mark.parametrize("most", [1, 1024], ids=["sorted", "in pairs"])
def test_resamples_together_have_the_figures_of_each_alone(
    monkeypatch: pytest.MonkeyPatch, number: int, most: int
) -> None:
    monkeypatch.setattr(module, "MOST_IN_PAIRS", most)
    monkeypatch.setattr(module, "NUMBERS_AT_ONCE", 7 * number)
    rng = np.random.default_rng(number)
    a, b, c, d = rng.normal(size=(4, number)).round(1)
    columns = {"a": a, "b": b, "c": c, "d": d, "c again": 2 * c, "constant": np.full(number, 0.1)}
    pairs = [("a", "b"), ("b", "c"), ("a", "constant"), ("constant", "b"), ("a", "a")]
    controls = [(), ("c",), ("c", "d"), ("c", "c again", "constant"), ("a",)]
    given = [Given("a", "b", each) for each in controls]
    drawn = [*resamples(rng.integers(number, size=number).argsort() // 2, seed=0, number=20), np.zeros(4, dtype=int)]
    done: list[int] = []
    found, partial = of_resamples(columns, iter(drawn), pairs=pairs, given=given, advance=done.append)
    assert found.shape == (21, 5, 3)
    assert partial.shape == (21, 5)
    assert done == [7, 14, 21]
    for number_drawn, rows in enumerate(drawn):
        own = {name: values[rows] for name, values in columns.items()}
        expected = [correlations(own[first], own[second]) for first, second in pairs]
        assert found[number_drawn] == pytest.approx(np.array(expected), abs=1e-12)
        alone = [partial_spearman(own["a"], own["b"], {each: own[each] for each in names}) for names in controls]
        assert partial[number_drawn] == pytest.approx(np.array(alone), abs=1e-9)


def test_infinite_values_are_ranked_and_level_with_each_other() -> None:
    a, b = np.array([np.inf, 1.0, np.inf, -np.inf, 2.0]), np.arange(5.0)
    rows = np.arange(5)
    with np.errstate(invalid="ignore"):
        found, _ = of_resamples({"a": a, "b": b}, [rows], pairs=[("a", "b")])
    assert found[0, 0, :2] == pytest.approx([float(each(a, b)[0]) for each in (stats.kendalltau, stats.spearmanr)])


def test_a_resample_holds_as_many_networks_as_there_are_and_all_rows_of_each() -> None:
    networks = np.array([0, 1, 2, 1, 0, 1])
    for rows in resamples(networks, seed=3, number=20):
        drawn = np.bincount(networks[rows], minlength=3)
        assert (drawn % np.array([2, 3, 1]) == 0).all()
        assert (drawn / np.array([2, 3, 1])).sum() == 3
        for row in range(6):  # the rows of a network are drawn equally often
            assert (rows == row).sum() == drawn[networks[row]] / (networks == networks[row]).sum()


def test_rows_that_say_the_same_twice_do_not_narrow_an_interval() -> None:
    rng = np.random.default_rng(0)
    quality = rng.normal(size=40)
    predicted = quality + rng.normal(size=40)
    alone = agreement(predicted, quality, num_resamples=400)
    networks = np.repeat(np.arange(40), 3)
    drawn = resamples(networks, seed=0, number=400)
    twice = [correlations(predicted[networks][rows], quality[networks][rows]).pearson for rows in drawn]
    assert np.quantile(twice, (0.025, 0.975)) == pytest.approx(alone.pearson_interval)
