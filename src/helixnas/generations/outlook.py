"""What the generations of a recipe will be, for a dry run: winners that are not known yet are stood in for."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ConfigError
from helixnas.generations.measure import winner_of
from helixnas.generations.recipe import (
    first_costs,
    first_recipe,
    generations_of,
    later_recipe,
    search_of,
    size_in,
)
from helixnas.generations.teacher import ScaledTeacher, scaled_teacher
from helixnas.pipeline.estimate import costs_of_teacher
from helixnas.pipeline.generations_config import NextTeacherConfig
from helixnas.pipeline.plan import is_done, plan
from helixnas.pipeline.recipe import Recipe
from helixnas.space import Architecture, Path

DRAWS = 10
"""Random networks that are tried as a stand-in for a winner."""

SMALLEST = "the shortest and narrowest network of the space"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """One generation of a dry run."""

    number: int
    recipe: Recipe
    folder: RunFolder
    note: str
    """Where its teacher comes from."""


def outlook(recipe: Recipe, out: LineageFolder, *, num_classes: int | None) -> Iterator[Planned]:
    """Yield the generations of a recipe at most; a random network of the space stands for a winner that is not known.

    `num_classes` are those of the images, None where they are not known: then the first teacher's. Raises `ConfigError` if
    no network of the space can be scaled to the size asked for.
    """
    own = first_recipe(recipe)
    counted = num_classes or costs_of_teacher(own, num_classes=None, image_size=size_in(recipe, 1))[1]
    yield Planned(number=1, recipe=own, folder=out.run(1), note="")
    for number in range(2, generations_of(recipe).number + 1):
        networks, note = _winner(recipe, number, own, out)
        config, size = generations_of(recipe).teacher_of(number), size_in(recipe, number)
        first = first_costs(recipe, number, num_classes=num_classes)
        given = {"first": first, "image_size": size, "num_classes": counted, "number": number}
        own = later_recipe(recipe, number, _first_scaled(networks, config, given), first=first)
        yield Planned(number=number, recipe=own, folder=out.run(number), note=note)


def _first_scaled(
    networks: Iterator[tuple[Architecture, str]], config: NextTeacherConfig, given: dict[str, Any]
) -> ScaledTeacher:
    """Return the first network that can be scaled to the size asked for; raises the error of the last if none can."""
    problem: ConfigError | None = None
    for network, title in networks:
        try:
            return scaled_teacher(network, config, title=title, **given)
        except ConfigError as error:
            problem = error
    assert problem is not None, "there is at least one network"
    raise problem


def _winner(
    recipe: Recipe, number: int, before: Recipe, out: LineageFolder
) -> tuple[Iterator[tuple[Architecture, str]], str]:
    """Return the winner before a generation, or networks that may stand for it, each with a title, and which of both.

    `before` is the recipe of the generation before; a winner of other settings does not count.
    """
    folder, search = out.run(number - 1), search_of(recipe)
    if _is_searched(before, folder, search):
        winner = (winner_of(folder, search), "the winner before it")
        return iter([winner]), f"taught by the winner of generation {number - 1}, scaled"
    space, rng = recipe.search_space, np.random.default_rng(recipe.seed)
    drawn = [(space.sample(rng), "a random network of the space") for _ in range(DRAWS)]
    smallest = space.architecture(tuple(min(block.paths(), key=_layers_and_width) for block in space.blocks))
    return (
        iter([*drawn, (smallest, SMALLEST)]),
        "taught by the winner before it, scaled; a random network of the space stands for it here",
    )


def _is_searched(own: Recipe, folder: RunFolder, search: str) -> bool:
    """Whether the search of a generation is finished with its current settings."""
    if not folder.exists():
        return False
    record = folder.load_record()
    return any(
        one.name == f"search:{search}" and is_done(one, record, folder) for one in plan(own.to_dict(), record.contents)
    )


def _layers_and_width(path: Path) -> tuple[int, int]:
    return path.depth, path.width
