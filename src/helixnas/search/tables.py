"""Tables: ratings and costs of a run, converted to the integers of a search instance.

Block 0 is the stem (one candidate), block N + 1 the head (one candidate per width it may receive), so the solver needs
no special case for either. Scores become whole numbers of 1e-12, summed with the weights lambda_k of Eq. 4.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.cost_table import COMBINED_BY_MAXIMUM, CostTable
from helixnas.artifacts.rating_table import RatingTable
from helixnas.errors import ArtifactError, ConfigError, number_of
from helixnas.search.instance import SCORE_UNIT, Instance, InstanceBlock, Ints, score_to_int

LEAST_STEPS = 1000
"""Fewest units of a score by which the sums of the best and the worst candidates must differ."""


@dataclass(frozen=True, eq=False)
class Tables:
    """The ratings of all blocks and the costs, checked to cover the same paths."""

    ratings: tuple[RatingTable, ...]
    costs: CostTable

    def __post_init__(self) -> None:
        if self.costs.num_blocks != len(self.ratings):
            raise ArtifactError(f"{len(self.ratings)} blocks are rated, but the costs are of {self.costs.num_blocks}")
        for number, table in enumerate(self.ratings, start=1):
            rows = self.costs.rows(number)
            same = table.block == number and table.path == tuple(self.costs.path[row] for row in rows)
            for ours, theirs in ((table.previous_width, self.costs.previous_width), (table.width, self.costs.width)):
                same = same and np.array_equal(ours, theirs[rows])
            if not same:
                raise ArtifactError(f"ratings and costs of block {number} are of different spaces; rate the run again")

    def instance(
        self,
        resources: Sequence[str],
        *,
        score: str | None = None,
        weights: Sequence[float] | None = None,
        layers: bool = False,
    ) -> Instance:
        """Return the search instance over the named resources, in the order that breaks ties.

        It adds up one kind of `score`, by default the first, with `weights` lambda_k per block (Eq. 4), by default 1.
        Diverse answers need `layers`, which encodes the layers of the paths.

        Raises:
            ConfigError: the number of weights is not that of the blocks, a score is missing, a cost negative, or weighted
                scores are so close together that whole numbers of 1e-12 would lose their order.
            UnknownNameError: a resource or score is not in the tables.
        """
        lambdas = [1.0] * len(self.ratings) if weights is None else list(weights)
        if len(lambdas) != len(self.ratings):
            raise ConfigError(
                f"the space has {number_of(len(self.ratings), 'block')}, so give as many block weights, not {len(lambdas)}"
            )
        values = np.stack([self.costs.resource(name) for name in resources], axis=1)
        blocks = [self._fixed(0, values)]
        for number, (table, weight) in enumerate(zip(self.ratings, lambdas, strict=True), start=1):
            try:
                blocks.append(
                    InstanceBlock(
                        width_in=table.previous_width,
                        width_out=table.width,
                        score=score_to_int(table.mean(score), labels=table.path, weight=weight),
                        costs=values[self.costs.rows(number)],
                        order=text_order(table.path),
                        labels=table.path,
                        slots=layer_codes(table.path) if layers else None,
                    )
                )
            except ConfigError as error:
                raise ConfigError(f"block {number}: {error}") from error
        blocks.append(self._fixed(len(self.ratings) + 1, values))
        _require_steps(blocks[1:-1], [table.mean(score) for table in self.ratings], lambdas)
        return Instance(
            blocks=tuple(blocks),
            resources=tuple(resources),
            combine=tuple("max" if name in COMBINED_BY_MAXIMUM else "sum" for name in resources),
        )

    def _fixed(self, block: int, values: npt.NDArray[np.int64]) -> InstanceBlock:
        rows = self.costs.rows(block)
        return InstanceBlock(
            width_in=self.costs.previous_width[rows],
            width_out=self.costs.width[rows],
            score=np.zeros(len(rows), dtype=np.int64),
            costs=values[rows],
            order=np.zeros(len(rows), dtype=np.int64),
            labels=("",) * len(rows),
        )


def score_tables(costs: CostTable, scores: Mapping[str, Sequence[npt.NDArray[np.float64]]]) -> tuple[RatingTable, ...]:
    """Return rating tables of one batch from scores per block and row of the cost table; lower is better."""
    found: list[RatingTable] = []
    for number in range(1, costs.num_blocks + 1):
        rows = costs.rows(number)
        found.append(
            RatingTable(
                block=number,
                previous_width=costs.previous_width[rows],
                path=tuple(costs.path[row] for row in rows),
                width=costs.width[rows],
                batch_sizes=np.array([1]),
                scores={name: values[number - 1][:, None] for name, values in scores.items()},
            )
        )
    return tuple(found)


def unrated_tables(costs: CostTable) -> Tables:
    """Return tables in which every path has the score 0: whether budgets can be met is decided without ratings."""
    zeros = [np.zeros(len(costs.rows(number))) for number in range(1, costs.num_blocks + 1)]
    return Tables(ratings=score_tables(costs, {"unrated": zeros}), costs=costs)


def _require_steps(
    blocks: Sequence[InstanceBlock], scores: Sequence[npt.NDArray[np.float64]], weights: Sequence[float]
) -> None:
    """Raise `ConfigError` if scores differ, but by so few steps of 1e-12 that rounding decides the order."""
    spread = sum(weight * float(np.ptp(each)) for each, weight in zip(scores, weights, strict=True))
    if spread > 0 and sum(int(np.ptp(block.score)) for block in blocks) < LEAST_STEPS:
        raise ConfigError(
            f"with these weights of the blocks, scores differ by at most {spread:.1e}, and the search counts them in steps of "
            f"{SCORE_UNIT:.0e}; multiply all weights by {10 ** -math.floor(math.log10(spread)):.0e}, which keeps the order"
        )


def text_order(texts: Sequence[str]) -> npt.NDArray[np.int64]:
    """Return the rank of each text among the distinct ones: the last tie-breaker of the search.

    >>> text_order(["b", "a", "b"]).tolist()
    [1, 0, 1]
    """
    return np.unique(np.array(texts), return_inverse=True)[1].astype(np.int64)


def layer_codes(paths: Sequence[str]) -> Ints:
    """Return (paths, layers): a code for cell and operation of each layer, -1 if there is no such layer.

    >>> layer_codes(["24:a,b", "24:a", "24:a,a"]).tolist()
    [[0, 1], [2, -1], [0, 0]]
    """
    layers = [_layers(path) for path in paths]
    numbers: dict[tuple[str, str], int] = {}
    codes = np.full((len(layers), max(map(len, layers))), -1)
    for row, path in enumerate(layers):
        codes[row, : len(path)] = [numbers.setdefault(layer, len(numbers)) for layer in path]
    return codes


def _layers(path: str) -> list[tuple[str, str]]:
    """Return per layer its cell (width and depth of every section) and its operation."""
    sections = [section.partition(":") for section in path.split("+")]
    cell = "+".join(f"{width}:{names.count(',')}" for width, _, names in sections)
    return [(cell, name) for _, _, names in sections for name in names.split(",")]
