"""Independent evidence: do the supernet's scores and what is known without training agree beyond size?

Both guess how good a network is, from data that have nothing in common: trained blocks, and initial weights. If their errors are
independent, they agree beyond size only through what both know of the truth, and their partial correlation is the product of
both with it. So the figure needs no trained accuracies; near 0, one of the two knows little more than size.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import Estimate, partial_agreement
from helixnas.artifacts.baseline import COUNTED, PROXIES
from helixnas.artifacts.cost_table import CostTable
from helixnas.artifacts.ranking import CALIBRATED, SIZES
from helixnas.artifacts.rating_table import summed
from helixnas.search.scores import scored
from helixnas.search.tables import Tables
from helixnas.space import Architecture, SearchSpace

NUM_NETWORKS = 1000
"""Random networks that are compared."""

NUM_RESAMPLES = 200


def evidence_beyond_size(tables: Tables, space: SearchSpace, *, seed: int = 0) -> Mapping[tuple[str, str], Estimate]:
    """Return per score and zero-cost proxy of a run how they agree on random networks, sizes held fixed.

    Calibrated scores are left out, since a proxy may be a part of them. The figure is a partial Spearman correlation given
    multiply-adds, parameters and depth, from -1 to 1, with a 95 % bootstrap interval over networks, which does not cover that few
    paths may agree by chance; empty where the run has no proxies.
    """
    names = [name for name in tables.ratings[0].scores if name not in (COUNTED, CALIBRATED)]
    pairs = list(product([name for name in names if name not in PROXIES], [name for name in names if name in PROXIES]))
    if not pairs:
        return {}
    networks, sizes = _random_networks(space, tables.costs, seed)
    values = {name: -summed(scored(tables, (name,))[0].ratings, networks) for name in {*sum(pairs, ())}}
    return {
        (score, proxy): partial_agreement(values[score], values[proxy], sizes, num_resamples=NUM_RESAMPLES, seed=seed)
        for score, proxy in pairs
    }


def agreement_of_moments(first: Tables, second: Tables, score: str, space: SearchSpace) -> Estimate:
    """Return how the sums of a score at two moments of one distillation agree on random networks, sizes held fixed.

    As `evidence_beyond_size`. Near 1, scores no longer change as training goes on; near 0, they are noise yet (decision 0016).
    """
    networks, sizes = _random_networks(space, first.costs, seed=0)
    early, late = (-summed(scored(tables, (score,))[0].ratings, networks) for tables in (first, second))
    return partial_agreement(early, late, sizes, num_resamples=NUM_RESAMPLES, seed=0)


def _random_networks(
    space: SearchSpace, costs: CostTable, seed: int
) -> tuple[list[Architecture], dict[str, npt.NDArray[np.float64]]]:
    """Return different random networks, and their sizes by name."""
    rng = np.random.default_rng(seed)
    networks = list({one.text: one for one in (space.sample(rng) for _ in range(NUM_NETWORKS))}.values())
    found = [costs.of(one) for one in networks]
    sizes = {name: np.array([float(each[name]) for each in found]) for name in SIZES if name != "depth"}
    sizes["depth"] = np.array([float(one.effective_depth) for one in networks])
    return networks, sizes
