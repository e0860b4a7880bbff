"""Theorem 2 on the toy problem: solved as it says, bounded as it says, and honest about what does not follow."""

import numpy as np
import pytest
from scipy.optimize import minimize

from helixnas.errors import ConfigError
from helixnas.lab.theorem import check_bound, opposing_wishes, shared_solution

NUMBERS = (2, 4, 8, 16, 32, 64, 128)


@pytest.mark.parametrize(("shared_penalty", "private_penalty"), [(1.0, 1.0), (0.25, 2.0), (3.0, 0.5)])
def test_the_closed_form_is_the_minimum_that_a_solver_finds(shared_penalty: float, private_penalty: float) -> None:
    wishes = np.random.default_rng(0).normal(size=(3, 2))

    def objective(flat: np.ndarray) -> float:
        shared, private = flat[:2], flat[2:].reshape(3, 2)
        losses = ((shared + private - wishes) ** 2).sum()
        return float(losses + shared_penalty * (shared**2).sum() + private_penalty * (private**2).sum())

    found = minimize(objective, np.zeros(8), options={"gtol": 1e-9})
    shared, private = shared_solution(wishes, shared_penalty=shared_penalty, private_penalty=private_penalty)
    assert found.x == pytest.approx(np.concatenate([shared, private.ravel()]), abs=1e-5)


def test_one_architecture_that_shares_with_nobody_is_its_stand_alone_solution() -> None:
    found = check_bound(np.array([[3.0, 4.0]]), shared_penalty=0.5, private_penalty=2.0)
    assert found.norms.tolist() == pytest.approx([5 / (1 + 0.4)])
    assert found.shared_losses == pytest.approx(found.alone_losses)


def test_wishes_around_the_origin_have_a_closed_form_on_both_sides() -> None:
    for number in NUMBERS:
        found = check_bound(opposing_wishes(number, common=0.0))
        assert found.norms == pytest.approx(np.full(number, 0.5))
        assert found.bound == pytest.approx(np.sqrt(number * (1 - 1 / 9) / 0.5))


def test_the_assumption_holds_where_wishes_pull_apart_and_the_bound_with_it() -> None:
    for number in NUMBERS:
        found = check_bound(opposing_wishes(number))
        assert found.assumption_holds
        assert found.norms.max() <= found.bound


def test_the_bound_holds_wherever_the_assumption_does() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        wishes = rng.normal(size=(int(rng.integers(1, 12)), 3)) + rng.uniform(-1, 1)
        shared_penalty, private_penalty = np.exp(rng.uniform(-2, 2, size=2)).tolist()
        found = check_bound(wishes, shared_penalty=shared_penalty, private_penalty=private_penalty)
        if found.assumption_holds:
            held += 1
            assert found.norms.max() <= found.bound * (1 + 1e-12)
    assert held > 50


def test_the_assumption_fails_where_wishes_are_alike() -> None:
    assert not check_bound(np.ones((8, 2))).assumption_holds


def test_the_bound_grows_with_the_root_of_the_number_and_the_norm_does_not() -> None:
    few, many = check_bound(opposing_wishes(8)), check_bound(opposing_wishes(128))
    assert many.bound / few.bound == pytest.approx(4, rel=0.01)
    assert many.norms.max() == pytest.approx(few.norms.max(), rel=0.05)


@pytest.mark.parametrize("penalty", [0.0, -1.0, float("nan")])
def test_penalties_must_be_above_zero(penalty: float) -> None:
    with pytest.raises(ConfigError, match="both penalties must be above 0"):
        check_bound(np.ones((2, 2)), shared_penalty=penalty)
