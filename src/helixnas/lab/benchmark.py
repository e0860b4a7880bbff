"""A ranking benchmark: architectures of one space with the accuracies they reached when they were trained.

It is one JSON file, read here and written by ``helixnas bench build``; docs/guide/ranking-lab.md describes its fields.
"""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.files import read_text, write_json
from helixnas.errors import ArtifactError, HelixError
from helixnas.lab.channel_bench_macro import is_channel_bench_macro, read_channel_bench_macro
from helixnas.lab.nas_bench_macro import is_nas_bench_macro, read_nas_bench_macro
from helixnas.lab.trained import TrainedNetwork
from helixnas.space import (
    SearchSpace,
    channel,
    groups_of,
    join_architecture,
    join_blocks,
    load_space,
    macro,
    space_to_dict,
)

FORMAT = "helixnas-benchmark"
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """Trained networks of one space, a row each; a network may be listed under several names."""

    name: str
    space: SearchSpace
    networks: tuple[TrainedNetwork, ...]
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Origin of the data, as plain values."""

    def __len__(self) -> int:
        return len(self.networks)

    @property
    def mean_accuracy(self) -> npt.NDArray[np.float64]:
        """Per row, the mean over its trainings, 0 .. 1; rounded to 1e-12, so that equal sums in another order are ties."""
        return np.round([sum(network.accuracy) / len(network.accuracy) for network in self.networks], 12)

    @property
    def num_trainings(self) -> int:
        """Smallest number of trainings of a row."""
        return min((len(network.accuracy) for network in self.networks), default=0)

    @property
    def trainings(self) -> npt.NDArray[np.float64]:
        """Per row, the accuracies of its first `num_trainings` trainings."""
        number = self.num_trainings
        return np.array([network.accuracy[:number] for network in self.networks])

    @property
    def distinct(self) -> npt.NDArray[np.int64]:
        """Per row, the number of its network: rows with equal numbers name the same one."""
        numbers: dict[str, int] = {}
        rows = [numbers.setdefault(network.architecture.text, len(numbers)) for network in self.networks]
        return np.array(rows, dtype=np.int64)

    def as_in(self, space: SearchSpace) -> "Benchmark":
        """Return the same networks as `space` writes them where it joins blocks of this benchmark's space."""
        groups = groups_of(space)
        if max(groups) == 1 or sum(groups) != len(self.space.blocks):
            return self
        networks = [
            replace(network, architecture=join_architecture(network.architecture, groups)) for network in self.networks
        ]
        return replace(self, space=join_blocks(self.space, groups), networks=tuple(networks))

    def cost(self, resource: str) -> npt.NDArray[np.int64] | None:
        """Return one resource per row, or None if a row lacks it."""
        if not all(resource in network.costs for network in self.networks):
            return None
        return np.array([network.costs[resource] for network in self.networks], dtype=np.int64)


def load_benchmark(path: Path) -> Benchmark:
    """Read a benchmark: a file of this format, or NAS-Bench-Macro's or Channel-Bench-Macro's own.

    Raises `ArtifactError` if the file is missing or no benchmark; the message names the first network that is wrong.
    """
    try:
        values = json.loads(read_text(path))
    except (json.JSONDecodeError, RecursionError) as error:
        raise ArtifactError(f"{path} is not a benchmark: it is no JSON ({' '.join(str(error).split())})") from error
    if is_nas_bench_macro(values):
        return Benchmark(
            name=path.stem,
            space=macro(),
            networks=read_nas_bench_macro(values, path),
            facts={"source": "NAS-Bench-Macro", "data": "CIFAR-10, test images"},
        )
    if is_channel_bench_macro(values):
        return Benchmark(
            name=path.stem,
            space=channel(),
            networks=read_channel_bench_macro(values, path),
            facts={"source": "Channel-Bench-Macro", "data": "CIFAR-10, test images"},
        )
    if not isinstance(values, Mapping) or values.get("format") != FORMAT:
        raise ArtifactError(
            f"{path} is not a benchmark: its field 'format' must be {FORMAT!r}, or the file that of NAS-Bench-Macro "
            "or Channel-Bench-Macro"
        )
    if values.get("version") != VERSION:
        raise ArtifactError(f"{path} has the format version {values.get('version')!r}; this HelixNAS reads {VERSION}")
    return _from_values(values, path)


def save_benchmark(benchmark: Benchmark, path: Path) -> None:
    """Write a benchmark, whole or not at all."""
    networks = [
        {"architecture": network.architecture.text, "accuracy": list(network.accuracy)}
        | ({"costs": dict(network.costs)} if network.costs else {})
        for network in benchmark.networks
    ]
    values = {"format": FORMAT, "version": VERSION, "space": space_to_dict(benchmark.space)}
    write_json(path, {**values, "facts": dict(benchmark.facts), "networks": networks})


def _from_values(values: Mapping[str, Any], path: Path) -> Benchmark:
    given: dict[str, Any] = {"networks": None, "space": None, "facts": {}, **values}
    rows, definition, facts = given["networks"], given["space"], given["facts"]
    is_space = isinstance(definition, str | Mapping)
    _require(isinstance(rows, list), f"{path}: the field 'networks' must be a list, a mapping for each network", rows)
    _require(isinstance(facts, Mapping), f"{path}: the field 'facts' must be a mapping", facts)
    _require(is_space, f"{path}: the field 'space' must be a family's name or a definition", definition)
    try:
        space = load_space(definition)
    except HelixError as error:
        raise ArtifactError(f"{path}: its space cannot be read: {error}") from error
    networks = tuple(_network(row, space, f"{path}, network {number}") for number, row in enumerate(rows, start=1))
    return Benchmark(name=path.stem, space=space, networks=networks, facts=dict(facts))


def _network(row: Any, space: SearchSpace, where: str) -> TrainedNetwork:
    if not isinstance(row, Mapping) or not isinstance(row.get("architecture"), str):
        raise ArtifactError(f"{where}: it needs the fields 'architecture' (a text) and 'accuracy' (a list of numbers)")
    given: dict[str, Any] = {"accuracy": None, "costs": {}, **row}
    accuracy, costs = given["accuracy"], given["costs"]
    are_numbers = isinstance(accuracy, list) and all(type(value) in (int, float) for value in accuracy)
    are_counts = isinstance(costs, Mapping) and all(type(n) is int and 0 <= n < 2**63 for n in costs.values())
    _require(are_numbers, f"{where}: 'accuracy' must be a list of numbers, one per training", accuracy)
    _require(are_counts, f"{where}: 'costs' must hold whole numbers from 0 to 2^63 - 1 by resource", costs)
    try:
        return TrainedNetwork(
            architecture=space.parse(row["architecture"]),
            accuracy=tuple(map(_float, accuracy)),
            costs={str(name): value for name, value in costs.items()},
        )
    except HelixError as error:
        raise ArtifactError(f"{where}: {error}") from error


def _require(valid: bool, rule: str, value: object) -> None:
    if not valid:
        raise ArtifactError(f"{rule}, not {textwrap.shorten(repr(value), 60, placeholder='...')}")


def _float(value: int | float) -> float:
    """Return a number as a float; infinite, and so refused later, where it is too large for one."""
    try:
        return float(value)
    except OverflowError:
        return float("inf")
