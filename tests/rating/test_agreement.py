import numpy as np
import pytest
from scipy import stats

from helixnas.rating import agreement, partial_spearman


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
    assert set(found.to_dict()) == {"kendall", "kendall_interval", "spearman", "spearman_interval"}


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
