"""Settings of generations: what they accept, and what a recipe refuses."""

from dataclasses import replace
from typing import Any

import pytest

from helixnas.cli.settings import recipe_from_settings
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig
from helixnas.pipeline.recipe import Recipe


def test_a_generation_has_the_teacher_of_its_number_or_the_common_one() -> None:
    own = NextTeacherConfig(width=2.0)
    config = GenerationsConfig(number=3, teachers={"3": own})
    assert config.teacher_of(3) == own
    assert config.teacher_of(2) == config.teacher


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (
            {"number": 1},
            "generations.number must be at least 2, not 1; for one ordinary search, set generations to null",
        ),
        ({"number": 0}, "generations.number must be at least 2, not 0"),
        ({"teachers": {4: {}}, "number": 3}, "names generation '4'; it holds teachers of generations 2 .. 3"),
        ({"teachers": {1: {}}}, "the first teacher is the recipe's own"),
        ({"teachers": {"two": {}}}, "names generation 'two'"),
        ({"teachers": {"02": {}}}, "names generation '02'"),
        ({"teacher": {"params": "1M", "width": 2}}, "sized by params and by width and depth; give one of them"),
        ({"teacher": {"params": "many"}}, "'many' is not an amount"),
        ({"teacher": {"width": 0}}, "generations.teacher.width must be above 0, not 0"),
        ({"stop": {"check": "benchmark"}}, "is benchmark, but generations.benchmark names no file"),
        ({"stop": {"tau": 2}}, "generations.stop.tau must be at least -1 and at most 1, not 2"),
    ],
)
def test_bad_settings_are_refused_in_one_sentence(tiny: Recipe, values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message.replace(".", r"\.").replace("(", r"\(")):
        recipe_from_settings({**tiny.to_dict(), "generations": values}, where="mine.yaml")


def test_an_unknown_search_lists_the_nearest(tiny: Recipe) -> None:
    with pytest.raises(UnknownNameError, match="unknown search in generations.search: 'smal'; did you mean small"):
        replace(tiny, generations=GenerationsConfig(search="smal"))


def test_without_labels_generations_are_refused(tiny: Recipe) -> None:
    unlabelled = replace(tiny, retrain=None, data=replace(tiny.data, labels=False))
    with pytest.raises(
        ConfigError, match="generations need labels, because the teachers from generation 2 on are trained"
    ):
        replace(unlabelled, generations=GenerationsConfig())


def test_a_recipe_reads_back_from_its_plain_values(tiny: Recipe) -> None:
    recipe = replace(tiny, generations=GenerationsConfig(number=3, teachers={"2": NextTeacherConfig(macs="50%")}))
    assert recipe_from_settings(recipe.to_dict(), where="config.yaml").generations == recipe.generations


def test_cells_that_begin_with_the_teachers_weights_are_refused(tiny: Recipe) -> None:
    own = replace(tiny, supernet=replace(tiny.supernet, slimmable=True, init="teacher"))
    with pytest.raises(ConfigError, match="generations need supernet.init=random"):
        replace(own, generations=GenerationsConfig())
