"""Front: the Pareto front of a search (score and resources), as a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from helixnas.artifacts.files import understanding
from helixnas.artifacts.parquet import read_parquet, real_numbers, whole_numbers, write_parquet

if TYPE_CHECKING:
    import pandas as pd

KIND = "front"


@dataclass(frozen=True, eq=False)
class Front:
    """Architectures in ascending order of score, with their costs."""

    score: npt.NDArray[np.float64]
    """Summed score (Eq. 4), lower is better."""

    resources: Mapping[str, npt.NDArray[np.int64]]
    """Per resource, the total of each architecture."""

    architecture: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.architecture)

    def to_pandas(self) -> "pd.DataFrame":
        """Return the front with one row per architecture."""
        import pandas as pd

        return pd.DataFrame({"score": self.score, **self.resources, "architecture": list(self.architecture)})

    def save(self, path: Path) -> None:
        """Write the front as Parquet."""
        texts = pa.array(self.architecture, type=pa.string())
        columns = {"score": self.score, **self.resources, "architecture": texts}
        write_parquet(path, pa.table(columns), kind=KIND, facts={"resources": list(self.resources)})

    @staticmethod
    def load(path: Path) -> "Front":
        """Read a front; raises `ArtifactError` where the file is missing, truncated or something else."""
        table, facts = read_parquet(path, kind=KIND)
        with understanding(path):
            return Front(
                score=real_numbers(table, "score"),
                resources={name: whole_numbers(table, name) for name in facts["resources"]},
                architecture=tuple(table["architecture"].to_pylist()),
            )
