"""CostTable: what every path costs, as exact integers, keyed like the ratings by (block, previous width, path).

An MBConv's hidden width follows its *input*, so the first layer of a block costs what the cell chosen before it makes
it cost: costs are a chain, not a sum of independent blocks. The stem is block 0 (one row), the head block N + 1 (one
row per width it may receive), so a network's cost is the sum of one row per block; of activation memory, which is free
again after every layer, it is the largest.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from helixnas.artifacts.files import understanding
from helixnas.artifacts.parquet import read_parquet, whole_numbers, write_parquet
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.errors import ArtifactError, UnknownNameError
from helixnas.space import Architecture

KIND = "cost table"

COMBINED_BY_MAXIMUM: frozenset[str] = frozenset({"activation_bytes"})
"""Resources of which a network needs the largest of its blocks' amounts; of all others it needs the sum."""

LATENCY = "latency_ns"
"""The resource of measured latency: nanoseconds of one forward pass of the whole batch."""


@dataclass(frozen=True, eq=False)
class CostTable:
    """One row per (block, previous width, path); resources are whole numbers that add up, or whose largest counts."""

    block: npt.NDArray[np.int64]
    """Per row, 0 for the stem, 1 .. N for the blocks, N + 1 for the head."""

    previous_width: npt.NDArray[np.int64]
    """Per row, channels received."""

    path: tuple[str, ...]
    """Per row, the text form of the path; empty for stem and head."""

    width: npt.NDArray[np.int64]
    """Per row, channels given."""

    resources: Mapping[str, npt.NDArray[np.int64]]
    """Per resource, a whole number per row.

    ``params``; ``macs``: multiply-adds of one image; ``flops``: the paper's count; ``activation_bytes``: feature maps in
    memory at once, for one image in float32; ``latency_ns``: nanoseconds.
    """

    facts: Mapping[str, int | float | str]
    """Conditions of the numbers: image size, number of classes, ..."""

    def __len__(self) -> int:
        return len(self.path)

    @property
    def num_blocks(self) -> int:
        """N: the number of searched blocks."""
        return int(self.block.max()) - 1

    def rows(self, block: int) -> npt.NDArray[np.int64]:
        """Return the positions of the rows of one block, in the order of the space's paths."""
        return np.flatnonzero(self.block == block)

    def of(self, architecture: Architecture) -> dict[str, int]:
        """Return the total of every resource of a network; raises `ArtifactError` if one of its paths has no row."""
        totals = dict.fromkeys(self.resources, 0)
        previous = int(self.previous_width[self.rows(0)[0]])
        for block, text in enumerate(("", *(path.text for path in architecture.paths), "")):
            row = self._index.get((block, previous, text))
            if row is None:
                raise ArtifactError(
                    f"the cost table has no row for path {text!r} after width {previous} in block {block}"
                )
            for name, values in self.resources.items():
                amount = int(values[row])
                totals[name] = max(totals[name], amount) if name in COMBINED_BY_MAXIMUM else totals[name] + amount
            previous = int(self.width[row])
        return totals

    @cached_property
    def _index(self) -> dict[tuple[int, int, str], int]:
        keys = zip(self.block.tolist(), self.previous_width.tolist(), self.path, strict=True)
        return {key: row for row, key in enumerate(keys)}

    def resource(self, name: str) -> npt.NDArray[np.int64]:
        """Return one resource per row; raises `UnknownNameError` for one that was not measured."""
        if name not in self.resources:
            raise UnknownNameError("resource", name, self.resources)
        return self.resources[name]

    def joined(self, other: "CostTable") -> "CostTable":
        """Return a table with the resources of both; raises `ArtifactError` if they are of different spaces."""
        own, theirs = ((each.block, each.previous_width, each.width) for each in (self, other))
        if self.path != other.path or not np.array_equal(own, theirs):
            raise ArtifactError(
                f"{' and '.join(other.resources)} were measured for another space than {' and '.join(self.resources)}; "
                "measure them again"
            )
        return replace(self, resources={**self.resources, **other.resources}, facts={**other.facts, **self.facts})

    def save(self, path: Path) -> None:
        """Write the table as Parquet."""
        rows = {name: getattr(self, name) for name in ("block", "previous_width", "path", "width")}
        facts = {"resources": list(self.resources), "facts": dict(self.facts)}
        write_parquet(path, pa.table({**rows, **self.resources}), kind=KIND, facts=facts)

    @staticmethod
    def load(path: Path) -> "CostTable":
        """Read a table; raises `ArtifactError` where the file is missing, truncated or something else."""
        table, facts = read_parquet(path, kind=KIND)
        with understanding(path):
            return CostTable(
                block=whole_numbers(table, "block"),
                previous_width=whole_numbers(table, "previous_width"),
                path=tuple(table["path"].to_pylist()),
                width=whole_numbers(table, "width"),
                resources={name: whole_numbers(table, name) for name in facts["resources"]},
                facts=facts["facts"],
            )


def load_costs(folder: RunFolder, record: RunRecord) -> CostTable:
    """Return the costs of every path of a run, with latency where it was measured."""
    costs, stage = CostTable.load(folder.costs), record.stages.get("latency")
    if stage is None or stage.missing(folder.path) is not None:
        return costs
    return costs.joined(CostTable.load(folder.latency))
