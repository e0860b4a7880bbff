"""Theorem 1 and 2, checked on numbers: the more architectures share weights, the looser the bound on what they inherit.

A convex toy problem in closed form. Architecture t wants the weights c_t: its loss is L_t(w) = ||w - c_t||^2. Weight sharing
gives it w_t = psi_0 + psi_t, a shared and a private part, and pays lambda_0 ||psi_0||^2 + lambda * sum_t ||psi_t||^2. Three
solutions enter the theorem: the shared one; the *universal* one psi*_0, which has no private parts; and the *stand-alone*
ones psi*_t, each trained for itself with lambda~ = lambda_0 lambda / (lambda_0 + lambda). Where every shared loss is at least
the stand-alone one, the theorem bounds the norm of what any architecture inherits (Eq. 12):

    ||psi_0 + psi_j|| <= sqrt((lambda_0 ||psi*_0||^2 + sum_t |L_t(psi*_0) - L_t(psi*_t)|) / lambda~)

The bound has a term per architecture, so it grows with their number. Whether the norm does is another matter: here it
does not.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from helixnas.errors import ConfigError


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundCheck:
    """Norms and losses of the shared solution, beside the bound."""

    norms: Float[np.ndarray, " architectures"]
    """||psi_0 + psi_t||: what every architecture inherits."""

    bound: float
    """The right side of Eq. 12, the same for all."""

    shared_losses: Float[np.ndarray, " architectures"]
    """L_t(psi_0 + psi_t)."""

    alone_losses: Float[np.ndarray, " architectures"]
    """L_t(psi*_t)."""

    @property
    def assumption_holds(self) -> bool:
        """Whether every shared loss is at least the stand-alone one, rounding errors apart."""
        return bool((self.shared_losses >= self.alone_losses - 1e-12).all())


def check_bound(
    wishes: Float[np.ndarray, "architectures weights"], *, shared_penalty: float = 1.0, private_penalty: float = 1.0
) -> BoundCheck:
    """Solve the toy problem and return both sides of Eq. 12.

    Args:
        wishes: c_t, the weights that each architecture would like best.
        shared_penalty: lambda_0.
        private_penalty: lambda.

    Raises:
        ConfigError: a penalty is not above 0.

    >>> found = check_bound(np.array([[1.0, 0.0], [-1.0, 0.0]]))
    >>> found.norms.tolist(), found.assumption_holds
    ([0.5, 0.5], True)
    """
    if not (shared_penalty > 0 and private_penalty > 0):
        raise ConfigError(f"both penalties must be above 0, not {shared_penalty} and {private_penalty}")
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


def shared_solution(
    wishes: Float[np.ndarray, "architectures weights"], *, shared_penalty: float, private_penalty: float
) -> tuple[Float[np.ndarray, " weights"], Float[np.ndarray, "architectures weights"]]:
    """Return psi_0 and all psi_t that minimise the summed losses and penalties of weight sharing.

    For a given psi_0 the best psi_t is (c_t - psi_0) / (1 + lambda); what is left is quadratic in psi_0.

    >>> shared, private = shared_solution(np.array([[2.0], [4.0]]), shared_penalty=1.0, private_penalty=1.0)
    >>> shared.tolist(), private.tolist()
    ([1.5], [[0.25], [1.25]])
    """
    kept = private_penalty / (1 + private_penalty)
    shared = kept * wishes.sum(0) / (kept * len(wishes) + shared_penalty)
    return shared, (wishes - shared) / (1 + private_penalty)


def opposing_wishes(number: int, *, common: float = 0.25) -> Float[np.ndarray, "architectures 2"]:
    """Return wishes that pull apart: evenly on a circle of radius 1, around a point `common` from the origin.

    Nobody can be pleased by what is shared, so weight sharing costs each architecture something: the assumption of the
    theorem holds. Wishes that are alike break it, because then sharing saves penalty.

    >>> opposing_wishes(2, common=0.0).round(12).tolist()
    [[1.0, 0.0], [-1.0, 0.0]]
    """
    angles = 2 * np.pi * np.arange(number) / number
    return np.column_stack([np.cos(angles) + common, np.sin(angles)])


def _losses(
    weights: Float[np.ndarray, "..."], wishes: Float[np.ndarray, "architectures weights"]
) -> Float[np.ndarray, " architectures"]:
    return ((weights - wishes) ** 2).sum(1)
