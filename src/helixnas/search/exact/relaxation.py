"""The Lagrangian bound: limits become prices, and the chain without limits says what no answer can beat.

With a price p_j >= 0 on every limit, the least of ``score + sum over j of p_j (cost_j - limit_j)`` over all chains is a
lower bound for every architecture inside the limits; a lower limit enters with both signs turned. One pass over the
blocks finds it, and two find it for the best chain *through each candidate*. The prices that bound best come from
cutting planes: each pass returns a chain, whose line over the prices bounds all later bounds from above (Kelley).

Bounds are floats; `margin` covers their rounding errors.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt
from scipy.optimize import linprog

from helixnas.search.exact.chain import Chain, Limits
from helixnas.search.instance import Ints, Mask

Floats = npt.NDArray[np.float64]

MOST_CUTS = 60
"""Passes over the blocks in the search for prices."""

GOOD_ENOUGH = 1e-2
"""Share of the possible score range to which the bound is improved."""

MOST_CORNERS = 500
"""Largest number of corners to enumerate; if there are more, a linear program is solved instead."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Relaxation:
    """A chain at fixed prices."""

    reduced: tuple[Floats, ...]
    """Per link, (candidates,) the score with costs at their prices."""

    ahead: tuple[Floats, ...]
    """Per boundary, (widths,) the least reduced score of what comes after it, and `behind` of what comes before it."""

    behind: tuple[Floats, ...]
    prices: Floats
    """(resources,) price of one unit of each resource; negative for a lower limit."""

    constant: float
    """Contribution of the limits."""

    margin: float
    """More than the rounding errors can be."""

    @property
    def floor(self) -> float:
        """Lower bound on the score inside the limits."""
        return float(self.ahead[0][0]) + self.constant - self.margin

    def through(self, number: int, start: Ints, end: Ints) -> Floats:
        """Return the bound of the best chain through each candidate of a link."""
        chained = self.behind[number][start] + self.reduced[number] + self.ahead[number + 1][end]
        return chained + self.constant - self.margin

    def take(self, chosen: Sequence[Mask]) -> "Relaxation":
        """Return the relaxation for only the chosen candidates of every link; the bounds stay."""
        reduced = tuple(values[some] for values, some in zip(self.reduced, chosen, strict=True))
        return replace(self, reduced=reduced)


def relax(chain: Chain, limits: Limits, is_max: Sequence[bool]) -> tuple[Relaxation, list[Ints]]:
    """Return the chain at the prices that bound best, and the chains of candidates met on the way (places in links).

    Only resources that add up have prices. The chain must not be empty.
    """
    sides = [(column, 1.0, limit) for column, limit in limits.upper.items() if not is_max[column]]
    sides += [(column, -1.0, limit) for column, limit in limits.lower.items() if not is_max[column]]
    priced = _Priced(chain, sides)
    prices, found = _best_prices(priced)
    return priced.relaxation(prices), found


class _Priced:
    """The chain with its priced resources as floats, scaled so that prices and scores are of similar size."""

    def __init__(self, chain: Chain, sides: Sequence[tuple[int, float, int]]) -> None:
        self.chain = chain
        self.sides = sides
        self.scores = [link.score.astype(np.float64) for link in chain.links]
        spreads = [float(np.ptp(score)) for score in self.scores]
        self.score_range = max(1.0, sum(spreads))
        self.most_score = sum(float(score.max()) for score in self.scores)
        ranges = [max(1.0, sum(float(np.ptp(link.costs[:, column])) for link in chain.links)) for column, _, _ in sides]
        self.units = self.score_range / np.array(ranges)
        self.costs = [
            np.stack([sign * link.costs[:, column] for column, sign, _ in sides], axis=1).astype(np.float64)
            if sides
            else np.zeros((len(link), 0))
            for link in chain.links
        ]
        self.bounds = np.array([sign * limit for _, sign, limit in sides], dtype=np.float64)

    def reduced(self, scaled: Floats) -> list[Floats]:
        prices = scaled * self.units
        return [score + costs @ prices for score, costs in zip(self.scores, self.costs, strict=True)]

    def ahead(self, reduced: Sequence[Floats]) -> tuple[list[Floats], list[Floats]]:
        """Return the least reduced score after each boundary, and the same from each candidate on."""
        found, onwards = [np.zeros(1)], list[Floats]()
        for number in reversed(range(len(reduced))):
            link = self.chain.links[number]
            least = np.full(len(self.chain.ahead[number].least), np.inf)
            onwards.append(reduced[number] + found[-1][link.end])
            np.minimum.at(least, link.start, onwards[-1])
            found.append(least)
        return found[::-1], onwards[::-1]

    def cut(self, scaled: Floats) -> tuple[float, float, Floats, Ints]:
        """Return the bound at these prices, and score, scaled violations and candidates of the chain behind it."""
        reduced = self.reduced(scaled)
        ahead, onwards = self.ahead(reduced)
        places = np.empty(len(reduced), np.int64)
        width = 0
        score, total = 0.0, np.zeros(len(self.sides))
        for number, link in enumerate(self.chain.links):
            onward = onwards[number]
            place = np.argmin(onward if len(ahead[number]) == 1 else np.where(link.start == width, onward, np.inf))
            places[number] = place
            score += float(self.scores[number][place])
            total = total + self.costs[number][place]
            width = int(link.end[place])
        violation = (total - self.bounds) * self.units
        return float(ahead[0][0]) - float(scaled @ (self.bounds * self.units)), score, violation, places

    def relaxation(self, scaled: Floats) -> Relaxation:
        reduced = self.reduced(scaled)
        behind = [np.zeros(1)]
        for number, link in enumerate(self.chain.links):
            least = np.full(len(self.chain.ahead[number + 1].least), np.inf)
            np.minimum.at(least, link.end, behind[-1][link.start] + reduced[number])
            behind.append(least)
        prices = np.zeros(self.chain.links[0].costs.shape[1])
        for (column, sign, _), price in zip(self.sides, scaled * self.units, strict=True):
            prices[column] += sign * price
        constant = -float(scaled @ (self.bounds * self.units))
        size = abs(constant) + sum(
            float(np.abs(score).max() + (np.abs(costs) @ (scaled * self.units)).max())
            for score, costs in zip(self.scores, self.costs, strict=True)
        )
        return Relaxation(
            reduced=tuple(reduced),
            ahead=tuple(self.ahead(reduced)[0]),
            behind=tuple(behind),
            prices=prices,
            constant=constant,
            margin=1e-12 * size + 1e-6,
        )


def _best_prices(priced: _Priced) -> tuple[Floats, list[Ints]]:
    """Return the scaled prices of the best bound found, and every chain met."""
    scaled = np.zeros(len(priced.sides))
    best, best_bound = scaled, -np.inf
    found: list[Ints] = []
    scores: list[float] = []
    violations: list[Floats] = []
    highest = 16.0
    for _ in range(MOST_CUTS):
        bound, score, violation, places = priced.cut(scaled)
        if bound > best_bound:
            best, best_bound = scaled, bound
        found.append(places)
        scores.append(score)
        violations.append(violation)
        if not len(scaled) or best_bound > priced.most_score:
            break
        scaled, promised = _master(np.array(scores), np.array(violations), highest)
        if promised - best_bound <= GOOD_ENOUGH * priced.score_range:
            if scaled.max() < highest or highest > 1e6:
                break
            highest *= 16
    return best, found


def _master(scores: Floats, violations: Floats, highest: float) -> tuple[Floats, float]:
    """Return the prices at which the lines of all chains allow the highest bound, and that bound."""
    if violations.shape[1] == 1:
        return _crossing(scores, violations[:, 0], highest)
    number = violations.shape[1]
    size = max(1.0, float(np.abs(scores).max()), float(np.abs(violations).max()))
    if comb(len(scores) + 2 * number, number + 1) <= MOST_CORNERS:
        prices, bound = _highest_corner(scores / size, violations / size, highest)
        return prices, bound * size
    solved = linprog(
        np.append(np.zeros(number), -1.0),
        A_ub=np.hstack([-violations / size, np.ones((len(scores), 1))]),
        b_ub=scores / size,
        bounds=[(0.0, highest)] * number + [(None, None)],
        method="highs",
    )
    if solved.x is None:  # a numerical failure of the solver: the best prices so far must do
        return np.zeros(number), -np.inf
    return np.maximum(solved.x[:-1], 0.0), float(solved.x[-1]) * size


def _highest_corner(scores: Floats, violations: Floats, highest: float) -> tuple[Floats, float]:
    """As `_master`, for few lines: the optimum is at a corner, and enumerating these is faster than linear programming."""
    number = violations.shape[1]
    lines = np.column_stack([-violations, np.ones(len(scores))])
    sides = np.column_stack([np.eye(number), np.zeros(number)])
    planes = np.concatenate([lines, sides, sides])
    levels = np.concatenate([scores, np.zeros(number), np.full(number, highest)])
    chosen = _corners(len(levels), number + 1)
    matrices = planes[chosen]
    regular = np.abs(np.linalg.det(matrices)) > 1e-12 * np.abs(matrices).max(axis=(1, 2)) ** (number + 1)
    if not regular.any():
        return np.zeros(number), float(scores.min())
    met = np.linalg.solve(matrices[regular], levels[chosen[regular]][:, :, None])[:, :number, 0]
    prices = np.clip(met, 0.0, highest)
    heights = (scores[:, None] + violations @ prices.T).min(axis=0)
    best = int(heights.argmax())
    return prices[best], float(heights[best])


@lru_cache(maxsize=64)
def _corners(number: int, at_once: int) -> Ints:
    return np.array(list(combinations(range(number), at_once)))


def _crossing(scores: Floats, slopes: Floats, highest: float) -> tuple[Floats, float]:
    """As `_master`, for one price: find step by step where the lowest rising line meets the lowest falling one."""
    price = 0.0
    for _ in range(len(scores)):
        heights = scores + price * slopes
        lowest = int(np.lexsort((slopes, heights))[0])
        if slopes[lowest] <= 0:
            break
        lower = np.flatnonzero(slopes < slopes[lowest])
        if not len(lower):
            price = highest
            break
        meets = (scores[lower] - scores[lowest]) / (slopes[lowest] - slopes[lower])
        price = min(highest, float(meets.min()))
    return np.array([price]), float((scores + price * slopes).min())
