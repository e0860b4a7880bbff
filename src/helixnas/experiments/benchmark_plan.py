"""What a benchmark is to be built of: random networks of a space, and how each is trained."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts import CostTable, config_key
from helixnas.artifacts.run_folder import RunFolder
from helixnas.costs import cost_table
from helixnas.errors import ConfigError
from helixnas.lab import load_benchmark
from helixnas.pipeline.context import image_size, import_extensions
from helixnas.pipeline.plan import changes, data_settings
from helixnas.pipeline.recipe import Recipe
from helixnas.rating.stitching import sample_distinct
from helixnas.retrain import RetrainConfig
from helixnas.search import Budget
from helixnas.space import Architecture, SearchSpace, space_to_dict
from helixnas.teacher import normalization_of

MOST_TRAININGS = 100
"""Trainings of one network that may be asked for."""

SAMPLE_STREAM = 31
"""Tells the random numbers that choose networks from those of the same seed elsewhere."""

WITH_A_RUN = ("init", "inherit", "teach", "teach_share", "temperature")
"""Settings of retraining that need a run's supernet or teacher; a benchmark has none."""


@dataclass(frozen=True, kw_only=True)
class BenchmarkPlan:
    """What is to be trained."""

    recipe: Recipe
    """The settings; its space is that of the benchmark."""

    out: Path
    """The benchmark's file."""

    num_networks: int = 30
    """Different networks, drawn uniformly from the space, or from what the limits leave of it."""

    num_trainings: int = 1
    """Trainings of each, with seeds one after the other; with two or more, a ranking knows its noise ceiling."""

    upper: Mapping[str, int] = field(default_factory=dict[str, int])
    """The most that a drawn network may cost by resource: ``macs``, ``params``, ``flops``, ``activation_bytes``."""

    lower: Mapping[str, int] = field(default_factory=dict[str, int])
    """The least that a drawn network may cost by resource."""

    given: tuple[str, ...] = ()
    """Texts of networks to train before those that are drawn, and beside them: limits do not apply."""

    def __post_init__(self) -> None:
        import_extensions(self.recipe)  # they may be what the space is made of
        if self.recipe.retrain is None:
            raise ConfigError(
                f"the recipe {self.recipe.name!r} leaves retraining out (retrain: null), which says how networks are "
                "trained; give it, for example with: --retrain.fit.num_epochs 30"
            )
        if self.recipe.retrain.teach != "none":
            raise ConfigError(
                "the networks of a benchmark are trained without a teacher, so that nothing but themselves tells them "
                f"apart; retrain.teach must be none, not {self.recipe.retrain.teach}"
            )
        for option, value, least in (("num-networks", self.num_networks, 3), ("num-trainings", self.num_trainings, 1)):
            if value < least:
                raise ConfigError(f"--{option} must be at least {least}, not {value}")
        if self.num_trainings > MOST_TRAININGS:
            raise ConfigError(f"--num-trainings must be at most {MOST_TRAININGS}, not {self.num_trainings:,}")
        if self.num_networks > self.space.size:
            raise ConfigError(
                f"--num-networks must be at most {self.space.size:,}, the networks of space {self.space.name!r}, "
                f"not {self.num_networks:,}"
            )
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
        """What the paths of the space cost, with a head of 10 classes."""
        return cost_table(self.space, image_size=image_size(self.recipe), num_classes=10)

    @property
    def training(self) -> RetrainConfig:
        """How each network is trained."""
        assert self.recipe.retrain is not None, "checked when the plan was made"
        return self.recipe.retrain

    @property
    def work(self) -> RunFolder:
        """Where the unfinished training is kept; removed at the end."""
        return RunFolder(self.out.with_name(f"{self.out.name}.work"))

    @cached_property
    def architectures(self) -> list[Architecture]:
        """The given networks, and those drawn uniformly, of which more begin with the same.

        Raises:
            ConfigError: the limits leave too few of the space.
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
        """Return everything that decides the accuracies, and which networks have one, as plain values."""
        values = self.recipe.to_dict()["retrain"]
        retrain = {name: value for name, value in values.items() if name not in WITH_A_RUN}
        limits = {"upper": dict(self.upper), "lower": dict(self.lower)}
        limited = {"limits": limits} if self.upper or self.lower else {}
        return {**settings_of_images(self.recipe), "retrain": retrain, **limited}

    def key(self) -> str:
        """Return the hash of what decides the accuracies, the space included."""
        return config_key(self.settings(), config_key(space_to_dict(self.space)))

    def trained(self) -> dict[Architecture, tuple[float, ...]]:
        """Return the accuracies that the file holds already.

        Raises:
            ConfigError: it holds a benchmark of another space, or one that was made with other settings.
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
    """Return everything that decides which images a network is trained on, and how it sees them, as plain values."""
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
