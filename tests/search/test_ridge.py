"""Ridge regression: the penalty and every pair left out against refits, and nothing learned from noise."""

import numpy as np
import pytest

from helixnas.artifacts.agreement import paired_kendall
from helixnas.search.ridge import PENALTIES, fit_ridge


def refit(design: np.ndarray, values: np.ndarray, prior: np.ndarray, penalty: float) -> np.ndarray:
    """Return intercept, slope of the prior if it has one, and weights, by the normal equations."""
    everything = np.column_stack([np.ones(len(design)), *([prior] if np.ptp(prior) else []), design])
    shrink = np.diag([*[0.0] * (everything.shape[1] - design.shape[1]), *[penalty] * design.shape[1]])
    return np.linalg.solve(everything.T @ everything + shrink, everything.T @ values)


@pytest.fixture(params=["no prior", "prior"])
def problem(request: pytest.FixtureRequest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    prior = rng.normal(size=12) if request.param == "prior" else np.zeros(12)
    return rng.normal(size=(12, 4)), rng.normal(size=12), prior


def described(design: np.ndarray, prior: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones(len(design)), *([prior] if np.ptp(prior) else []), design])


def error_of(design: np.ndarray, values: np.ndarray, prior: np.ndarray, penalty: float) -> float:
    """Return the mean squared error of predictions by refits without the row."""
    rows = np.arange(len(values))
    fits = [refit(design[rows != row], values[rows != row], prior[rows != row], penalty) for row in rows]
    return float(np.mean([(values[row] - described(design, prior)[row] @ fit) ** 2 for row, fit in enumerate(fits)]))


def test_the_penalty_is_the_one_whose_refits_predict_best(problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    design, values, prior = problem
    found = fit_ridge(design, values, prior)
    assert found.penalty == min(PENALTIES, key=lambda penalty: error_of(design, values, prior, 12 * penalty))
    whole = refit(design, values, prior, 12 * found.penalty)
    assert found.weights == pytest.approx(whole[-4:])
    assert found.slope == pytest.approx(whole[1] if np.ptp(prior) else 0)


def test_pairs_are_predicted_by_fits_that_know_neither(problem: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    design, values, prior = problem
    found = fit_ridge(design, values, prior)
    assert np.array_equal(found.differences, -found.differences.T)
    for first, second in ((0, 1), (5, 2), (11, 7)):
        kept = ~np.isin(np.arange(12), (first, second))
        others = design[kept], values[kept], prior[kept]
        penalty = min(PENALTIES, key=lambda each: error_of(*others, 12 * each))
        own = refit(*others, 12 * penalty)
        rows = described(design, prior)
        assert found.differences[first, second] == pytest.approx((rows[first] - rows[second]) @ own)
        assert found.slopes[first, second] == pytest.approx(own[1] if np.ptp(prior) else 0)


@pytest.mark.parametrize("has_prior", [False, True])
@pytest.mark.parametrize("number", [16, 32])
def test_on_average_noise_ranks_no_pair_right_or_wrong(number: int, has_prior: bool) -> None:
    rng = np.random.default_rng(number)
    taus: list[float] = []
    for _ in range(60):
        design, prior = rng.normal(size=(number, 10)), rng.normal(size=number) * has_prior
        values = rng.normal(size=number)
        fit = fit_ridge(design, values, prior)
        taus.append(paired_kendall(fit.differences, values, num_resamples=2).value)
    assert abs(np.mean(taus)) < 2.5 * np.std(taus) / np.sqrt(60)


def test_with_many_rows_pairs_keep_the_penalty_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    design, values, prior = rng.normal(size=(12, 4)), rng.normal(size=12), np.zeros(12)
    monkeypatch.setattr("helixnas.search.ridge.MOST_ROWS", 11)
    found = fit_ridge(design, values, prior)
    own = refit(design[2:], values[2:], prior[2:], 12 * found.penalty)
    assert found.differences[0, 1] == pytest.approx((design[0] - design[1]) @ own[1:])


def test_a_pair_whose_others_determine_no_fit_is_told_equal() -> None:
    fit = fit_ridge(np.zeros((3, 1)), np.array([1.0, 2.0, 4.0]), np.array([0.0, 1.0, 5.0]))
    assert not fit.differences.any()
    assert not fit.slopes.any()
