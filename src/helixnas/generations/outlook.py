"""What the generations of a recipe will be, for a dry run: winners that are not known yet are stood in for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ConfigError
from helixnas.generations.measure import winner_of
from helixnas.generations.recipe import first_recipe, generations_of, later_recipe, search_of, size_in
from helixnas.generations.teacher import ScaledTeacher, scaled_teacher
from helixnas.pipeline.context import image_size
from helixnas.pipeline.estimate import sketch_teacher_of
from helixnas.pipeline.generations_config import NextTeacherConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.work.search import ARCHITECTURE
from helixnas.space import Architecture, Path
from helixnas.teacher import count_teacher

DRAWS = 100
"""Random networks that are tried as a stand-in for a winner."""

NUM_CLASSES = 10
"""Classes of the networks of a dry run, which opens no data."""


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One generation of a dry run."""

    number: int
    recipe: Recipe
    folder: RunFolder
    note: str
    """Where its teacher comes from."""


def outlook(recipe: Recipe, out: LineageFolder) -> Iterator[Planned]:
    """Yield the generations of a recipe at most; a random network of the space stands for a winner that is not known.

    Raises `ConfigError` if no network of the space can be scaled to the size asked for.
    """
    own = first_recipe(recipe)
    first = count_teacher(sketch_teacher_of(own), image_size(own))
    yield Planned(number=1, recipe=own, folder=out.run(1), note="")
    for number in range(2, generations_of(recipe).number + 1):
        networks, note = _winner(recipe, number, out)
        config, size = generations_of(recipe).teacher_of(number), size_in(recipe, number)
        given = {"first": first, "image_size": size, "num_classes": NUM_CLASSES, "number": number}
        own = later_recipe(recipe, number, _first_scaled(networks, config, given), first=first)
        yield Planned(number=number, recipe=own, folder=out.run(number), note=note)


def _first_scaled(networks: Iterator[Architecture], config: NextTeacherConfig, given: dict[str, Any]) -> ScaledTeacher:
    """Return the first network that can be scaled to the size asked for; raises the error of the last if none can."""
    problem: ConfigError | None = None
    for network in networks:
        try:
            return scaled_teacher(network, config, **given)
        except ConfigError as error:
            problem = error
    assert problem is not None, "there is at least one network"
    raise problem


def _winner(recipe: Recipe, number: int, out: LineageFolder) -> tuple[Iterator[Architecture], str]:
    """Return the winner before a generation, or networks that may stand for it, and which of both."""
    before, search = out.run(number - 1), search_of(recipe)
    if (before.search(search) / ARCHITECTURE).is_file():
        return iter([winner_of(before, search)]), f"taught by the winner of generation {number - 1}, scaled"
    space, rng = recipe.search_space, np.random.default_rng(recipe.seed)
    drawn = [space.sample(rng) for _ in range(DRAWS)]
    smallest = space.architecture(tuple(min(block.paths(), key=_layers_and_width) for block in space.blocks))
    return iter(
        [*drawn, smallest]
    ), "taught by the winner before it, scaled; a random network of the space stands for it here"


def _layers_and_width(path: Path) -> tuple[int, int]:
    return path.depth, path.width
