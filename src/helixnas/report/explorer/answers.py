"""The answers that the explorer chooses among, and the resources that its sliders limit."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from helixnas.artifacts.cost_table import LATENCY
from helixnas.artifacts.rating_table import RatingTable
from helixnas.errors import ConfigError, HelixError
from helixnas.report.reading import RunFiles
from helixnas.search import Instance, Tables, scored
from helixnas.search.exact.every_budget import EveryAnswer, every_answer

MOST_SLIDERS = 3
"""Resources that can be limited at once."""

MOST_POINTS = 20_000
"""Partial networks that a front may keep per block; a larger one has fewer resources instead (at most about 4 s, 0.2 MB)."""

LARGEST_EXACT = 2**53
"""Costs below this are exact in JavaScript."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The answers of a run under all budgets on some resources."""

    found: EveryAnswer
    ratings: tuple[RatingTable, ...]
    """One per block, with the score that is added up."""

    left_out: tuple[str, ...]
    """Resources that would make the front too large."""

    scores: tuple[str, ...]
    """Kinds of score that are added up, as the first search names them; empty for the first one rated."""

    weights: tuple[float, ...]
    """Weights of the blocks; empty for 1 each."""


def answers_of(run: RunFiles) -> Answers | None:
    """Return the answers under limits on up to three resources, those limited by searches first; None without costs.

    Scores and weights are those of the first search, or else the recipe's scores; None, too, where they are not in the tables.
    Where a front needs more than `MOST_POINTS` partial networks in a block, the last resource is left out.
    """
    if run.tables is None or run.space is None:
        return None
    first = run.searches[0].found.config if run.searches else {}
    names = tuple(first.get("scores") or run.settings.get("scores") or ())
    weights = tuple(first.get("weights") or ())
    try:
        tables, _ = scored(run.tables, names)
    except HelixError:
        return None

    def over(resources: Sequence[str]) -> Instance:
        return tables.instance(resources, weights=weights or None)

    wanted = sliders(run, tables)
    for number in range(len(wanted), 0, -1):
        try:
            found = every_answer(over, wanted[:number], most_points=MOST_POINTS)
        except ConfigError:
            continue
        if int(found.costs.max()) >= LARGEST_EXACT:
            return None
        return Answers(found=found, ratings=tables.ratings, left_out=wanted[number:], scores=names, weights=weights)
    return None


def sliders(run: RunFiles, tables: Tables) -> tuple[str, ...]:
    """Return up to three resources: those that searches limit, then latency where measured, MACs, parameters."""
    limited = [name for search in run.searches for name in search.found.upper]
    wanted = [name for name in dict.fromkeys([*limited, LATENCY, "macs", "params"]) if name in tables.costs.resources]
    return tuple(name for name in wanted if np.ptp(tables.costs.resource(name)) > 0)[:MOST_SLIDERS]
