"""Theorems 1 and 2 on a convex toy problem: how the bound on inherited weights grows with their number (Eq. 12).

Architecture t wants the weights c_t: its loss is L_t(w) = ||w - c_t||^2. `docs/guide/theorem.md` states the theorem and
discusses the table that this prints. All solutions have a closed form, which the script checks first.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

Floats = npt.NDArray[np.float64]
NUMBERS = (2, 8, 32, 128, 512)


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundCheck:
    """Norms and losses of the shared solution, beside the bound."""

    norms: Floats
    """(architectures,) ||psi_0 + psi_t||: what each architecture inherits."""

    bound: float
    """The right side of Eq. 12, the same for all."""

    shared_losses: Floats
    """(architectures,) L_t(psi_0 + psi_t)."""

    alone_losses: Floats
    """(architectures,) L_t(psi*_t)."""

    @property
    def assumption_holds(self) -> bool:
        """Whether every shared loss is at least the stand-alone one, up to rounding errors."""
        return bool((self.shared_losses >= self.alone_losses - 1e-12).all())


def check_bound(wishes: Floats, *, shared_penalty: float = 1.0, private_penalty: float = 1.0) -> BoundCheck:
    """Solve the toy problem for the wishes c_t, (architectures, weights), and return both sides of Eq. 12."""
    alone_penalty = shared_penalty * private_penalty / (shared_penalty + private_penalty)
    shared, private = shared_solution(wishes, shared_penalty=shared_penalty, private_penalty=private_penalty)
    universal = wishes.sum(0) / (len(wishes) + shared_penalty)
    alone = wishes / (1 + alone_penalty)
    gaps = np.abs(_losses(universal, wishes) - _losses(alone, wishes))
    squared = (shared_penalty * (universal @ universal) + gaps.sum()) / alone_penalty
    return BoundCheck(
        norms=np.linalg.norm(shared + private, axis=1),
        bound=float(np.sqrt(squared)),
        shared_losses=_losses(shared + private, wishes),
        alone_losses=_losses(alone, wishes),
    )


def shared_solution(wishes: Floats, *, shared_penalty: float, private_penalty: float) -> tuple[Floats, Floats]:
    """Return psi_0 and all psi_t that minimise the summed losses and penalties of weight sharing.

    For a given psi_0 the best psi_t is (c_t - psi_0) / (1 + lambda); the remaining problem is quadratic in psi_0.
    """
    kept = private_penalty / (1 + private_penalty)
    shared = kept * wishes.sum(0) / (kept * len(wishes) + shared_penalty)
    return shared, (wishes - shared) / (1 + private_penalty)


def opposing_wishes(number: int, *, common: float = 0.25) -> Floats:
    """Return wishes that pull apart: evenly on a circle of radius 1, around a point `common` from the origin."""
    angles = 2 * np.pi * np.arange(number) / number
    return np.column_stack([np.cos(angles) + common, np.sin(angles)])


def check() -> None:
    """Check the closed forms, and the bound wherever its assumption holds."""
    rng = np.random.default_rng(0)
    wishes = rng.normal(size=(3, 2))
    for penalties in ((1.0, 1.0), (0.25, 2.0), (3.0, 0.5)):
        found = minimize(_objective, np.zeros(8), args=(wishes, *penalties), options={"gtol": 1e-9})
        shared, private = shared_solution(wishes, shared_penalty=penalties[0], private_penalty=penalties[1])
        assert np.allclose(found.x, [*shared, *private.ravel()], atol=1e-5)
    single = check_bound(np.array([[3.0, 4.0]]), shared_penalty=0.5, private_penalty=2.0)
    assert np.allclose(single.norms, 5 / (1 + 0.4))
    assert np.allclose(single.shared_losses, single.alone_losses)
    for number in NUMBERS:  # wishes around the origin: both sides are known
        found = check_bound(opposing_wishes(number, common=0.0))
        assert np.allclose(found.norms, 0.5)
        assert np.isclose(found.bound, np.sqrt(number * (1 - 1 / 9) / 0.5))
    held = 0
    for _ in range(400):
        wishes = rng.normal(size=(int(rng.integers(1, 12)), 3)) + rng.uniform(-1, 1)
        penalties = np.exp(rng.uniform(-2, 2, size=2))
        found = check_bound(wishes, shared_penalty=penalties[0], private_penalty=penalties[1])
        held += found.assumption_holds
        assert not found.assumption_holds or found.norms.max() <= found.bound * (1 + 1e-12)
    assert held > 50
    assert not check_bound(np.ones((8, 2))).assumption_holds  # equal wishes: sharing saves penalty


def main() -> None:
    """Check the solutions, then print the bound and the largest norm by number of architectures."""
    check()
    for number in NUMBERS:
        found = check_bound(opposing_wishes(number))
        holds = "holds" if found.assumption_holds else "fails"
        print(
            f"{number:>3} architectures: assumption {holds}, largest norm {found.norms.max():.3f}, bound {found.bound:6.3f}"
        )


def _losses(weights: Floats, wishes: Floats) -> Floats:
    return ((weights - wishes) ** 2).sum(1)


def _objective(flat: Floats, wishes: Floats, shared_penalty: float, private_penalty: float) -> float:
    shared, private = flat[:2], flat[2:].reshape(3, 2)
    losses = _losses(shared + private, wishes).sum()
    return float(losses + shared_penalty * (shared**2).sum() + private_penalty * (private**2).sum())


if __name__ == "__main__":
    main()
