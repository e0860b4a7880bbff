"""Losses over the steps of a stage, thinned to what a curve can show, as a Parquet file."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import torch

from helixnas.artifacts.parquet import read_parquet, write_parquet

KIND = "history"
MAX_POINTS = 400


class History:
    """Collects named values per step; kept in checkpoints, written when the stage is done.

    >>> history = History()
    >>> history.add(1, {"loss": 0.5})
    >>> history.frame().to_dict("records")
    [{'step': 1, 'name': 'loss', 'value': 0.5}]
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.values: dict[str, list[float]] = {}

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Note the values of a step: the names of the first step, of which some may end early."""
        self.steps.append(step)
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def state(self) -> dict[str, Any]:
        """Return everything noted so far."""
        return {"steps": torch.tensor(self.steps), "values": {k: torch.tensor(v) for k, v in self.values.items()}}

    def restore(self, state: dict[str, Any]) -> None:
        """Take up what `state` returned."""
        self.steps = state["steps"].tolist()
        self.values = {name: values.tolist() for name, values in state["values"].items()}

    def frame(self) -> pd.DataFrame:
        """Return columns step, name, value: means over at most 400 stretches of steps."""
        if not self.steps:
            return pd.DataFrame({"step": [], "name": [], "value": []})
        stretches = np.array_split(np.arange(len(self.steps)), min(MAX_POINTS, len(self.steps)))
        rows = [
            (self.steps[part[-1]], name, float(np.mean([values[i] for i in part])))
            for name, values in self.values.items()
            for part in stretches
            if part[-1] < len(values)
        ]
        return pd.DataFrame(rows, columns=["step", "name", "value"])

    def save(self, path: Path) -> None:
        """Write the curves, whole or not at all."""
        save_history(self.frame(), path)


def save_history(curves: pd.DataFrame, path: Path) -> None:
    """Write curves with columns step, name, value, whole or not at all."""
    write_parquet(path, pa.Table.from_pandas(curves, preserve_index=False), kind=KIND, facts={})


def load_history(path: Path) -> pd.DataFrame:
    """Read curves: columns step, name, value; raises `ArtifactError` where the file is missing or damaged."""
    return read_parquet(path, kind=KIND)[0].to_pandas()
