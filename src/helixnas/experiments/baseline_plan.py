"""Plan of a baseline: networks of a benchmark to rate, in the space of a run and on its images."""

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
"""Seeds the choice of networks, which is the same for every method and seed."""


@dataclass(frozen=True, kw_only=True)
class BaselinePlan:
    """One baseline of a run.

    Raises:
        DataError: the recipe has no labels.
        ConfigError: there are fewer networks than requested.
        ArtifactError: the benchmark cannot be read, or is of another space.
    """

    recipe: Recipe
    """The settings of the run; images, space and precision are taken from it."""

    folder: RunFolder
    bench: Path
    config: BaselineConfig
    seed: int = 0
    """Seed of initial weights, order, augmentation and sampled networks; the recipe's seed splits the images."""

    def __post_init__(self) -> None:
        import_extensions(self.recipe)  # the space may use their operations
        if self.seed < 0:
            raise ConfigError(f"--seed must not be negative, not {self.seed}")
        if not self.recipe.data.labels and not self.config.is_untrained:
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
        """The networks to rate, drawn uniformly from the candidates; a larger number begins with the same ones."""
        order = np.random.default_rng(NETWORKS_STREAM).permutation(len(self.candidates))
        return [self.candidates[position] for position in order[: self.config.num_networks]]

    @property
    def file(self) -> Path:
        """Where the ratings are written."""
        return self.folder.baseline(self.config.method, self.seed)

    @property
    def job(self) -> str:
        """Name of the baseline's lock and checkpoint in the run."""
        return f"baseline-{self.config.method}-seed{self.seed}"

    def settings(self) -> dict[str, Any]:
        """Return the settings that the ratings depend on, except space and networks, as plain values."""
        return {**settings_of_images(self.recipe), "baseline": {"seed": self.seed, **self.config.to_dict()}}

    def key(self) -> str:
        """Return the hash of everything that the ratings depend on."""
        networks = [architecture.text for architecture in self.architectures]
        return config_key(self.settings(), config_key(space_to_dict(self.space)), config_key(networks))


def default_num(method: str, bench: Path) -> int:
    """Return the number of networks of a benchmark that a method rates by default; mnasnet trains each of them."""
    different = len({network.architecture for network in load_benchmark(bench).networks})
    return max(3, min(30 if method == "mnasnet" else 200, different))  # a benchmark of fewer than 3 is an error
