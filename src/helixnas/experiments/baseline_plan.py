"""What a baseline is to rate: some networks of a benchmark, in the space of a run, on its images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts import config_key
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ConfigError, DataError
from helixnas.experiments.benchmark_plan import settings_of_images
from helixnas.lab import Benchmark, load_benchmark
from helixnas.lab.baselines import BaselineConfig
from helixnas.lab.ranking import require_members
from helixnas.pipeline.context import import_extensions
from helixnas.pipeline.recipe import Recipe
from helixnas.space import Architecture, SearchSpace, space_to_dict

NETWORKS_STREAM = 32
"""Seeds the choice of networks, the same for every method and seed, so that all rate the same."""

DEFAULT_NUM = {"mnasnet": 30}
"""Networks that a method rates where no number is asked for."""

DEFAULT_NUM_RATED = 200
"""The same for the methods that train no network alone."""


@dataclass(frozen=True, kw_only=True)
class BaselinePlan:
    """One baseline of a run.

    Raises:
        DataError: the recipe has no labels.
        ConfigError: more networks are asked for than there are.
        ArtifactError: the benchmark cannot be read, or is of another space.
    """

    recipe: Recipe
    """The settings of the run; images, space and precision are taken from it."""

    folder: RunFolder
    """Where the run lies."""

    bench: Path
    """The benchmark's file."""

    config: BaselineConfig
    """Method and settings."""

    seed: int = 0
    """Decides first weights, order, augmentation and sampled networks; splits stay the recipe's."""

    def __post_init__(self) -> None:
        import_extensions(self.recipe)  # they may be what the space is made of
        if self.seed < 0:
            raise ConfigError(f"--seed must not be negative, not {self.seed}")
        if not self.recipe.data.labels:
            raise DataError(
                f"the baseline {self.config.method} learns from labels, but data.labels of the run is false; baselines need a "
                "run on labelled images"
            )
        number = len(self.candidates)
        if self.config.num_networks > number:
            raise ConfigError(
                f"--num-networks must be at most {number:,}, the different networks of {self.bench}, not "
                f"{self.config.num_networks:,}"
            )

    @cached_property
    def space(self) -> SearchSpace:
        """The space of the run."""
        return self.recipe.search_space

    @cached_property
    def benchmark(self) -> Benchmark:
        """The trained networks."""
        found = load_benchmark(self.bench)
        require_members(found, self.space)
        return found

    @cached_property
    def candidates(self) -> list[Architecture]:
        """The different networks of the benchmark."""
        return list(dict.fromkeys(network.architecture for network in self.benchmark.networks))

    @cached_property
    def architectures(self) -> list[Architecture]:
        """The networks to rate, drawn uniformly among the different ones; more of them begin with the same."""
        order = np.random.default_rng(NETWORKS_STREAM).permutation(len(self.candidates))
        return [self.candidates[position] for position in order[: self.config.num_networks]]

    @property
    def file(self) -> Path:
        """Where the ratings are written."""
        return self.folder.baseline(self.config.method, self.seed)

    @property
    def job(self) -> str:
        """What the baseline is called among the jobs of the run."""
        return f"baseline-{self.config.method}-seed{self.seed}"

    def settings(self) -> dict[str, Any]:
        """Return everything that decides the ratings, apart from space and networks, as plain values."""
        return {**settings_of_images(self.recipe), "baseline": {"seed": self.seed, **self.config.to_dict()}}

    def key(self) -> str:
        """Return the hash of what decides the ratings."""
        networks = [architecture.text for architecture in self.architectures]
        return config_key(self.settings(), config_key(space_to_dict(self.space)), config_key(networks))


def default_num(method: str, bench: Path) -> int:
    """Return how many networks of a benchmark a method rates where no number is asked for."""
    different = len({network.architecture for network in load_benchmark(bench).networks})
    return max(3, min(DEFAULT_NUM.get(method, DEFAULT_NUM_RATED), different))  # fewer are refused as a benchmark
