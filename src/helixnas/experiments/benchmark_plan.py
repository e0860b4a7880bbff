"""Plan of a benchmark: random networks of a space, and how each is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts import CostTable, config_key
from helixnas.artifacts.run_folder import WORK, RunFolder
from helixnas.costs import cost_table
from helixnas.data.readers import count_classes
from helixnas.errors import ConfigError
from helixnas.lab import load_benchmark
from helixnas.pipeline.context import image_size, import_extensions
from helixnas.pipeline.plan import changes, data_settings
from helixnas.pipeline.recipe import Recipe
from helixnas.rating.stitching import sample_distinct
from helixnas.search import Budget
from helixnas.space import Architecture, SearchSpace, space_to_dict
from helixnas.teacher import normalization_of

SAMPLE_STREAM = 31
"""Seeds the choice of networks together with the recipe's seed."""

WITH_A_RUN = ("init", "inherit", "teach", "teach_share", "temperature")
"""Settings of retraining that need a run's supernet or teacher; a benchmark has none."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan:
    """Networks of a benchmark and their training."""

    recipe: Recipe
    """The settings; its space is that of the benchmark."""

    out: Path
    num_networks: int = 30
    """Different networks, drawn uniformly from the part of the space within the limits."""

    num_trainings: int = 1
    """Trainings of each network with consecutive seeds; two or more give the noise ceiling of a ranking."""

    upper: Mapping[str, int] = field(default_factory=dict[str, int])
    """The most that a drawn network may cost by resource: ``macs``, ``params``, ``flops``, ``activation_bytes``."""

    lower: Mapping[str, int] = field(default_factory=dict[str, int])
    """The least that a drawn network may cost by resource."""

    given: tuple[str, ...] = ()
    """Texts of networks to train first, in addition to those drawn; the limits do not apply to them."""

    def __post_init__(self) -> None:
        import_extensions(self.recipe)  # the space may use their operations
        if self.recipe.retrain is None:
            raise ConfigError(
                f"the recipe {self.recipe.name!r} leaves retraining out (retrain: null), but a benchmark trains its "
                "networks with those settings; add them, for example with: --retrain.fit.num_epochs 30"
            )
        if self.recipe.retrain.teach != "none":
            raise ConfigError(
                "the networks of a benchmark are trained without a teacher, so that only their architectures differ; "
                f"retrain.teach must be none, not {self.recipe.retrain.teach}"
            )
        all_networks = f", the networks of space {self.space.name!r}"
        for option, value, least, most, source in (
            ("num-networks", self.num_networks, 3, self.space.size, all_networks),
            ("num-trainings", self.num_trainings, 1, 100, ""),
        ):
            if value < least:
                raise ConfigError(f"--{option} must be at least {least}, not {value}")
            if value > most:
                raise ConfigError(f"--{option} must be at most {most:,}{source}, not {value:,}")
        if self.out.suffix != ".json":
            raise ConfigError(f"--out {str(self.out)!r} must end in .json")
        Budget(upper=self.upper, lower=self.lower).check(list(self.costs.resources))
        for resource, least in self.lower.items():
            if resource in self.upper and least > self.upper[resource]:
                raise ConfigError(
                    f"no network has at least {least:,} and at most {self.upper[resource]:,} {resource}; "
                    "--min must not be above --max"
                )

    @cached_property
    def space(self) -> SearchSpace:
        """The space that networks are drawn from."""
        return self.recipe.search_space

    @cached_property
    def costs(self) -> CostTable:
        """Costs of the paths of the space, with a head of the data's classes; of 10 where only opening them would tell."""
        num_classes = count_classes(self.recipe.data) or 10
        return cost_table(self.space, image_size=image_size(self.recipe), num_classes=num_classes)

    @property
    def work(self) -> RunFolder:
        """Folder of the unfinished training; removed at the end."""
        return RunFolder(self.out.with_name(f"{self.out.name}{WORK}"))

    @cached_property
    def architectures(self) -> list[Architecture]:
        """The given networks, then those drawn; a larger number of them begins with the same ones.

        Raises:
            ConfigError: too few networks are within the limits.
            SpaceError: a given network is not of the space.
        """
        given = list(dict.fromkeys(self.space.parse(text) for text in self.given))
        rng = np.random.default_rng((self.recipe.seed, SAMPLE_STREAM))
        drawn = sample_distinct(
            self.space, self.num_networks, rng, accept=lambda one: one not in given and self._is_within(one)
        )
        if len(drawn) < self.num_networks:
            raise ConfigError(
                f"{len(drawn):,} of {1000 * self.num_networks:,} networks drawn from space {self.space.name!r} meet the "
                f"limits, too few for --num-networks {self.num_networks}; widen --max and --min"
            )
        return [*given, *drawn]

    def _is_within(self, architecture: Architecture) -> bool:
        costs = self.costs.of(architecture) if self.upper or self.lower else {}
        below = all(costs[name] <= limit for name, limit in self.upper.items())
        return below and all(costs[name] >= limit for name, limit in self.lower.items())

    def settings(self) -> dict[str, Any]:
        """Return the settings that the accuracies and the choice of networks depend on, as plain values."""
        values = self.recipe.to_dict()["retrain"]
        retrain = {name: value for name, value in values.items() if name not in WITH_A_RUN}
        limits = {"upper": dict(self.upper), "lower": dict(self.lower)}
        limited = {"limits": limits} if self.upper or self.lower else {}
        return {**settings_of_images(self.recipe), "retrain": retrain, **limited}

    def key(self) -> str:
        """Return the hash of everything that the accuracies depend on, including the space."""
        return config_key(self.settings(), config_key(space_to_dict(self.space)))

    def trained(self) -> dict[Architecture, tuple[float, ...]]:
        """Return the accuracies that are already in the file.

        Raises `ConfigError` if the file holds a benchmark of another space or of other settings.
        """
        if not self.out.exists():
            return {}
        found = load_benchmark(self.out)
        if found.space != self.space:
            raise ConfigError(f"{self.out} holds a benchmark of space {found.space.name!r}; choose another --out")
        changed = list(changes("", found.facts.get("settings"), self.settings()))
        if changed:
            raise ConfigError(
                f"{self.out} was made with other settings ({'; '.join(changed[:3])}); choose another --out"
            )
        return {network.architecture: network.accuracy for network in found.networks}

    def left(self, trained: Mapping[Architecture, Sequence[float]]) -> list[tuple[int, int]]:
        """Return the trainings still to do as (network, training): every network once, then every network again."""
        return [
            (number, training)
            for training in range(self.num_trainings)
            for number, architecture in enumerate(self.architectures)
            if len(trained.get(architecture, ())) <= training
        ]


def settings_of_images(recipe: Recipe) -> dict[str, Any]:
    """Return the settings that a network's training images depend on, as plain values."""
    values = recipe.to_dict()
    mean, std = normalization_of(recipe.built_teacher)
    return {
        "seed": values["seed"],
        "data": data_settings(values),
        "precision": values["runtime"]["precision"],
        "image_size": image_size(recipe),
        "mean": list(mean),
        "std": list(std),
    }
