"""Independent evidence: do the supernet's scores and what is known without training agree beyond size?

Both guess how good a network is, from data that have nothing in common: trained blocks, and initial weights. If their errors are
independent, they agree beyond size only through what both know of the truth, and their partial correlation is the product of
both with it. So the figure needs no trained accuracies; near 0, one of the two knows little more than size.
"""

from collections.abc import Mapping
from itertools import product

import numpy as np

from helixnas.artifacts.agreement import Estimate, partial_agreement
from helixnas.artifacts.baseline import PROXIES
from helixnas.artifacts.ranking import CALIBRATED, SIZES
from helixnas.artifacts.rating_table import summed
from helixnas.search.scores import scored
from helixnas.search.tables import Tables
from helixnas.space import SearchSpace

NUM_NETWORKS = 1000
"""Random networks that are compared."""

NUM_RESAMPLES = 200

COUNTED = "num_layers"
"""A proxy that is a size."""


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
    rng = np.random.default_rng(seed)
    networks = list({one.text: one for one in (space.sample(rng) for _ in range(NUM_NETWORKS))}.values())
    costs = [tables.costs.of(one) for one in networks]
    sizes = {name: np.array([float(each[name]) for each in costs]) for name in SIZES if name != "depth"}
    sizes["depth"] = np.array([float(one.effective_depth) for one in networks])
    values = {name: -summed(scored(tables, (name,))[0].ratings, networks) for name in {*sum(pairs, ())}}
    return {
        (score, proxy): partial_agreement(values[score], values[proxy], sizes, num_resamples=NUM_RESAMPLES, seed=seed)
        for score, proxy in pairs
    }
