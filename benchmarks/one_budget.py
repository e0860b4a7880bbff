"""Exact search of the full Table 1 space under one budget: solver time at five limits on multiply-adds.

Claim: at most .2 s. The costs are exact. The scores are synthetic: they improve by .05 per standard deviation of
log(MACs), plus independent noise of .02, so that larger networks tend to score better, as in real ratings.
"""

import statistics
import time

import numpy as np

from helixnas.artifacts import RatingTable
from helixnas.costs import cost_table
from helixnas.search import Budget, Tables, solve
from helixnas.space import mbconv

LIMITS, ROUNDS = (300, 335, 392, 450, 500), 5


def main() -> None:
    """Print the winner and the median solver time at every limit (millions of multiply-adds)."""
    space = mbconv()
    costs = cost_table(space, image_size=224, num_classes=1000)
    rng = np.random.default_rng(0)
    ratings: list[RatingTable] = []
    for block in range(1, len(space.blocks) + 1):
        rows = costs.rows(block)
        size = np.log(costs.resources["macs"][rows])
        scores = 0.5 - 0.05 * (size - size.mean()) / size.std() + 0.02 * rng.standard_normal(len(rows))
        ratings.append(
            RatingTable(
                block=block,
                previous_width=costs.previous_width[rows],
                path=tuple(costs.path[row] for row in rows),
                width=costs.width[rows],
                batch_sizes=np.array([1]),
                scores={"relative_l1": scores[:, None]},
            )
        )
    instance = Tables(ratings=tuple(ratings), costs=costs).instance(("macs", "params"))
    times: list[float] = []
    for limit in LIMITS:
        for _ in range(ROUNDS):
            started = time.perf_counter()
            result = solve(instance, Budget(upper={"macs": limit * 10**6}))
            times.append(time.perf_counter() - started)
        median = 1000 * statistics.median(times[-ROUNDS:])
        print(f"macs <= {limit} M: {result.status}, macs {result.best().costs['macs']:,}, {median:.1f} ms")
    print(f"median {1000 * statistics.median(times):.1f} ms, slowest {1000 * max(times):.1f} ms")


if __name__ == "__main__":
    main()
