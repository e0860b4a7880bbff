"""The recipe of one generation: an ordinary recipe, whose teacher from the second generation on is a scaled winner."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from helixnas.errors import ConfigError, TeacherError
from helixnas.generations.teacher import ScaledTeacher
from helixnas.pipeline.context import image_size
from helixnas.pipeline.estimate import costs_of_teacher
from helixnas.pipeline.generations_config import GenerationsConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.search.amounts import LATENCY_LIMITS, parse_amount
from helixnas.search.config import SearchConfig

Limits = Mapping[str, str | int | float]


def generations_of(recipe: Recipe) -> GenerationsConfig:
    """Return the settings of generations; raises `ConfigError` if the recipe has none."""
    if recipe.generations is None:
        raise ConfigError(
            f"the recipe {recipe.name} has no generations; add --generations 2 or the section generations"
        )
    return recipe.generations


def search_of(recipe: Recipe) -> str:
    """Return the name of the search whose winner teaches next."""
    return generations_of(recipe).search or next(iter(recipe.searches))


def first_recipe(recipe: Recipe) -> Recipe:
    """Return the recipe of generation 1."""
    return replace(recipe, name=f"{recipe.name}, generation 1", generations=None)


def later_recipe(recipe: Recipe, number: int, teacher: ScaledTeacher, *, first: Mapping[str, int]) -> Recipe:
    """Return the recipe of a generation from the second on; `first` are the costs of the first teacher (`first_costs`).

    Limits that are a share of the teacher's costs stay those of the first teacher, so that all generations search under the
    same budgets. Raises `ConfigError` if others depend on the size of the images, and the generation has another one.
    """
    if size_in(recipe, number) != size_in(recipe, 1):
        _require_shares(recipe, number)
    config = generations_of(recipe).teacher_of(number)
    return replace(
        recipe,
        name=f"{recipe.name}, generation {number}",
        generations=None,
        data=replace(recipe.data, image_size=size_in(recipe, number)),
        teacher=teacher.config,
        teacher_fit=config.fit or recipe.teacher_fit,
        searches={name: _settled(search, first) for name, search in recipe.searches.items()},
    )


def first_costs(recipe: Recipe, number: int, *, num_classes: int | None) -> Mapping[str, int]:
    """Return the costs of the first teacher, which are 100 %, on images of the size that a generation has.

    A teacher that takes images of its own size only is counted at that. `num_classes` are those of the images, None for the
    teacher's own.
    """
    own = first_recipe(recipe)
    if (size := size_in(recipe, number)) != size_in(recipe, 1):
        with suppress(TeacherError):
            return costs_of_teacher(own, num_classes=num_classes, image_size=size)[0]
    return costs_of_teacher(own, num_classes=num_classes, image_size=size_in(recipe, 1))[0]


def size_in(recipe: Recipe, number: int) -> int:
    """Return the side of the images of a generation in pixels."""
    own = generations_of(recipe).teacher_of(number).image_size if number > 1 else 0
    return own or image_size(recipe)


def _require_shares(recipe: Recipe, number: int) -> None:
    """Raise `ConfigError` if a limit of a search counts something else on images of another size."""
    for name, search in recipe.searches.items():
        for resource, value in [*search.max.items(), *search.min.items()]:
            if resource != "params" and (resource in LATENCY_LIMITS or not str(value).strip().endswith("%")):
                raise ConfigError(
                    f"{resource}={value} in searches.{name} would be another budget in generation {number}, whose images have "
                    f"{size_in(recipe, number)} pixels instead of {size_in(recipe, 1)}; give a share of the first teacher's "
                    "costs, such as 40%, or leave generations.teacher.image_size out"
                )


def _settled(search: SearchConfig, first: Mapping[str, int]) -> SearchConfig:
    """Return a search whose limits are amounts, not shares of the teacher's."""

    def amounts(limits: Limits) -> dict[str, str | int | float]:
        return {name: _amount(value, name, first) for name, value in limits.items()}

    return replace(search, max=amounts(search.max), min=amounts(search.min))


def _amount(value: str | int | float, name: str, first: Mapping[str, int]) -> str | int | float:
    if name in LATENCY_LIMITS or not str(value).strip().endswith("%"):
        return value
    return parse_amount(value, reference=first.get(name), what=name)
