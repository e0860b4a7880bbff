"""Losses over the steps of a stage, averaged to at most 400 points per curve, as a Parquet file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from helixnas.artifacts.parquet import read_parquet, write_parquet

MAX_POINTS = 400


class History:
    """Named values per step; kept in checkpoints, written when the stage is done.

    >>> history = History()
    >>> history.add(1, {"loss": 0.5})
    >>> history.frame().to_dict("records")
    [{'step': 1, 'name': 'loss', 'value': 0.5}]
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: dict[str, list[float]] = {}
        self.begun: dict[str, int] = {}

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Add the values of a step; each name has a value in every step from its first to its last."""
        for name, value in values.items():
            self.begun.setdefault(name, len(self.steps))
            self.values.setdefault(name, []).append(value)
        self.steps.append(step)

    def state(self) -> dict[str, Any]:
        """Return the values so far."""
        values = {name: torch.tensor(values) for name, values in self.values.items()}
        return {"steps": torch.tensor(self.steps), "values": values, "begun": dict(self.begun)}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state`."""
        self.steps = state["steps"].tolist()
        self.values = {name: values.tolist() for name, values in state["values"].items()}
        self.begun = dict(state["begun"])

    def frame(self) -> pd.DataFrame:
        """Return columns step, name, value: means over at most 400 intervals of steps."""
        if not self.steps:
            return pd.DataFrame({"step": [], "name": [], "value": []})
        stretches = np.array_split(np.arange(len(self.steps)), min(MAX_POINTS, len(self.steps)))
        rows: list[tuple[int, str, float]] = []
        for name, values in self.values.items():
            begin = self.begun[name]
            for part in stretches:
                own = part[(begin <= part) & (part < begin + len(values))]
                if len(own):
                    rows.append((self.steps[own[-1]], name, float(np.mean([values[i - begin] for i in own]))))
        return pd.DataFrame(rows, columns=["step", "name", "value"])

    def save(self, path: Path) -> None:
        """Write the curves."""
        save_history(self.frame(), path)


def save_history(curves: pd.DataFrame, path: Path) -> None:
    """Write curves with columns step, name, value."""
    write_parquet(path, pa.Table.from_pandas(curves, preserve_index=False), kind="history", facts={})


def load_history(path: Path) -> pd.DataFrame:
    """Read curves: columns step, name, value; raises `ArtifactError` where the file is missing or damaged."""
    return read_parquet(path, kind="history")[0].to_pandas()
