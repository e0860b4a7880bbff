"""RatingTable: the local scores of every path of one block, per rating batch (Eq. 7, Alg. 1).

Scores are keyed by (previous width, path): the first layer of a path, and so its score, depends on the width of the
cell chosen in the block before. They are kept per batch in float64, so that two candidates can be compared on the
same images.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from helixnas.artifacts.files import understanding
from helixnas.artifacts.parquet import read_parquet, whole_numbers, write_parquet
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.space import Architecture

KIND = "rating table"


@dataclass(frozen=True, eq=False)
class RatingTable:
    """One row per (previous width, path) of a block; scores are lower for better.

    >>> table = RatingTable(
    ...     block=1,
    ...     previous_width=np.array([16, 16]),
    ...     path=("24:mb3_k3", "24:mb3_k5"),
    ...     width=np.array([24, 24]),
    ...     batch_sizes=np.array([3, 1]),
    ...     scores={"relative_l1": np.array([[0.5, 1.0], [0.25, 0.25]])},
    ... )
    >>> table.mean("relative_l1").tolist()
    [0.625, 0.25]
    """

    block: int
    """1 .. N."""

    previous_width: npt.NDArray[np.int64]
    """Per row, channels that the path receives."""

    path: tuple[str, ...]
    """Per row, the text form of the path."""

    width: npt.NDArray[np.int64]
    """Per row, channels that the path gives."""

    batch_sizes: npt.NDArray[np.int64]
    """Images per rating batch: the weights of the mean."""

    scores: Mapping[str, npt.NDArray[np.float64]]
    """Per kind of score, at least one, an array (rows, batches); ``relative_l1`` is Eq. 7."""

    def __post_init__(self) -> None:
        rows, batches = len(self.path), len(self.batch_sizes)
        if not self.scores:
            raise ArtifactError(f"rating of block {self.block} holds no score")
        for name, scores in self.scores.items():
            if scores.shape != (rows, batches):
                raise ArtifactError(
                    f"rating of block {self.block}: {name} has shape {scores.shape}, expected ({rows}, {batches})"
                )

    def __len__(self) -> int:
        return len(self.path)

    def batches(self, name: str | None = None) -> npt.NDArray[np.float64]:
        """Return the scores per (row, batch) of one kind, or the first; raises `UnknownNameError` for one not rated."""
        if name is None:
            return next(iter(self.scores.values()))
        if name not in self.scores:
            raise UnknownNameError("score", name, self.scores)
        return self.scores[name]

    def mean(self, name: str | None = None) -> npt.NDArray[np.float64]:
        """Return the score per row: the mean over batches weighted by their number of images."""
        return self.batches(name) @ (self.batch_sizes / self.batch_sizes.sum())

    def row(self, previous_width: int, path: str) -> int:
        """Return the row of a path after a previous width; raises `ArtifactError` where it was not rated."""
        row = self._index.get((previous_width, path))
        if row is None:
            raise ArtifactError(f"block {self.block} has no rating for path {path!r} after width {previous_width}")
        return row

    @cached_property
    def _index(self) -> dict[tuple[int, str], int]:
        return {key: row for row, key in enumerate(zip(self.previous_width.tolist(), self.path, strict=True))}

    def save(self, path: Path) -> None:
        """Write the table as Parquet."""
        columns: dict[str, Any] = {name: getattr(self, name) for name in ("previous_width", "path", "width")}
        for name, scores in self.scores.items():
            columns[name] = self.mean(name)
            flat = pa.array(np.ascontiguousarray(scores).reshape(-1))
            columns[f"{name}_batches"] = pa.FixedSizeListArray.from_arrays(flat, len(self.batch_sizes))
        facts = {"block": self.block, "batch_sizes": self.batch_sizes.tolist(), "scores": list(self.scores)}
        write_parquet(path, pa.table(columns), kind=KIND, facts=facts)

    @staticmethod
    def load(path: Path) -> "RatingTable":
        """Read a table; raises `ArtifactError` where the file is missing, truncated or something else."""
        table, facts = read_parquet(path, kind=KIND)
        with understanding(path):
            batches = len(facts["batch_sizes"])
            found = RatingTable(
                block=int(facts["block"]),
                previous_width=whole_numbers(table, "previous_width"),
                path=tuple(table["path"].to_pylist()),
                width=whole_numbers(table, "width"),
                batch_sizes=np.array(facts["batch_sizes"], dtype=np.int64),
                scores={
                    name: table[f"{name}_batches"].combine_chunks().flatten().to_numpy().reshape(-1, batches)
                    for name in facts["scores"]
                },
            )
            for name in found.scores:
                if not np.allclose(table[name].to_numpy(), found.mean(name), rtol=1e-9, atol=0, equal_nan=True):
                    raise ValueError(f"the column {name} is not the mean of its batches")
            return found


def rows_of(tables: Sequence[RatingTable], architectures: Sequence[Architecture]) -> npt.NDArray[np.int64]:
    """Return, per architecture and block, the row in the block's table, (architectures, blocks).

    Raises `ArtifactError` where a path was not rated.
    """
    rows = np.empty((len(architectures), len(tables)), dtype=np.int64)
    for position, architecture in enumerate(architectures):
        previous = int(tables[0].previous_width[0])
        for block, (table, path) in enumerate(zip(tables, architecture.paths, strict=True)):
            rows[position, block] = table.row(previous, path.text)
            previous = path.width
    return rows


def summed(tables: Sequence[RatingTable], architectures: Sequence[Architecture]) -> npt.NDArray[np.float64]:
    """Return per architecture the sum over blocks of the first score (Eq. 4); lower is better."""
    rows = rows_of(tables, architectures)
    return np.sum([table.mean()[rows[:, block]] for block, table in enumerate(tables)], axis=0)


def spread_of_sums(tables: Sequence[RatingTable], name: str) -> float:
    """Return the standard deviation of the sum of a score over an architecture drawn uniformly.

    Every path after every previous width is taken as equally likely, and blocks as independent.
    """
    return float(np.sqrt(sum(np.var(table.mean(name)) for table in tables)))
