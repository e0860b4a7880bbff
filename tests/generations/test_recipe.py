"""The recipe of a generation: an ordinary one with another teacher, under the same budgets."""

from dataclasses import replace

import pytest

from helixnas.engine import FitConfig
from helixnas.errors import ConfigError
from helixnas.generations.recipe import first_recipe, generations_of, later_recipe, search_of
from helixnas.generations.teacher import scaled_teacher
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.search.config import SearchConfig
from helixnas.space import Architecture, load_space

FIRST = {"params": 3874, "macs": 123_768}


def winner_in(recipe: Recipe) -> Architecture:
    return load_space(recipe.space).parse("8:mb3_k3 12:mb6_k3")


def later(recipe: Recipe, number: int = 2) -> Recipe:
    teacher = scaled_teacher(
        winner_in(recipe), NextTeacherConfig(width=2.0), first=FIRST, image_size=8, num_classes=10, number=number
    )
    return later_recipe(recipe, number, teacher, first=FIRST)


def test_the_first_generation_is_the_recipe_itself(tiny_plus: Recipe) -> None:
    assert first_recipe(tiny_plus) == replace(tiny_plus, name="tiny-plus, generation 1", generations=None)


def test_a_later_generation_differs_in_its_teacher_only(tiny_plus: Recipe) -> None:
    found = later(tiny_plus)
    same = {"seed", "data", "space", "distill", "rating", "stitching", "retrain", "teacher_fit", "searches"}
    assert {name for name in same if getattr(found, name) != getattr(tiny_plus, name)} == set()
    assert found.teacher.boundaries == ("blocks.0", "blocks.1")
    assert found.teacher.title == "16:mb3_k3 24:mb6_k3"
    assert found.generations is None


def test_each_generation_may_have_a_training_and_an_image_size_of_its_own(tiny_plus: Recipe) -> None:
    fit = FitConfig(num_epochs=7)
    generations = GenerationsConfig(number=3, teachers={"3": NextTeacherConfig(width=1.0, image_size=12, fit=fit)})
    recipe = replace(tiny_plus, generations=generations)
    assert later(recipe, 2).teacher_fit == tiny_plus.teacher_fit
    assert later(recipe, 2).data.image_size == 8
    assert later(recipe, 3).teacher_fit == fit
    assert later(recipe, 3).data.image_size == 12


def test_shares_in_limits_stay_those_of_the_first_teacher(tiny_plus: Recipe) -> None:
    limits = SearchConfig(max={"macs": "60%", "params": "4k", "latency_ms": 2.5}, min={"macs": "10%"})
    found = later(replace(tiny_plus, searches={"small": limits})).searches["small"]
    assert found.max == {"macs": 74_260, "params": "4k", "latency_ms": 2.5}
    assert found.min == {"macs": 12_376}


def test_the_search_that_teaches_is_the_first_or_the_one_named(tiny_plus: Recipe) -> None:
    two = replace(tiny_plus, searches={"a": SearchConfig(), "b": SearchConfig()})
    assert search_of(two) == "a"
    assert search_of(replace(two, generations=GenerationsConfig(search="b"))) == "b"
    with pytest.raises(ConfigError, match="has no generations; add --generations 2"):
        generations_of(replace(tiny_plus, generations=None))
