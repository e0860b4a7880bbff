"""The dry run of generations: a winner that is not known yet is stood in for, a known one is used."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.lineage import LineageFolder
from helixnas.errors import ConfigError
from helixnas.generations.outlook import outlook
from helixnas.generations.recipe import first_costs
from helixnas.generations.run import recipe_of
from helixnas.pipeline.estimate import sketch_teacher_of
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig
from helixnas.pipeline.recipe import Recipe
from helixnas.search.config import SearchConfig


def test_before_the_first_search_a_random_network_stands_for_the_winner(tiny_plus: Recipe, tmp_path: Path) -> None:
    first, second = outlook(tiny_plus, LineageFolder(tmp_path / "out"), num_classes=10)
    assert (first.note, first.recipe.teacher) == ("", tiny_plus.teacher)
    assert "a random network of the space stands for it here" in second.note
    assert second.recipe.teacher.boundaries == ("blocks.0", "blocks.1")
    assert not (tmp_path / "out").exists()


def test_once_a_winner_is_known_it_is_used(tiny_plus: Recipe, two: LineageFolder) -> None:
    _, second = outlook(tiny_plus, two, num_classes=10)
    assert second.recipe == recipe_of(tiny_plus, 2, two)
    assert second.note == "taught by the winner of generation 1, scaled"


def test_a_size_that_no_network_can_be_scaled_to_is_refused(tiny_plus: Recipe, tmp_path: Path) -> None:
    recipe = replace(tiny_plus, generations=GenerationsConfig(teacher=NextTeacherConfig(params=100)))
    with pytest.raises(ConfigError, match="asks for 100 in generation 2, but the shortest and narrowest network of"):
        list(outlook(recipe, LineageFolder(tmp_path / "out"), num_classes=10))


def test_a_winner_of_other_settings_does_not_count(tiny_plus: Recipe, two: LineageFolder) -> None:
    _, second = outlook(replace(tiny_plus, seed=1), two, num_classes=10)
    assert "stands for it here" in second.note


@pytest.mark.slow
def test_networks_have_the_classes_of_the_images_or_else_of_the_teacher(tiny_plus: Recipe, tmp_path: Path) -> None:
    def most(num_classes: int | None) -> int:
        sized = replace(tiny_plus, generations=GenerationsConfig(teacher=NextTeacherConfig(params=1)))
        with pytest.raises(ConfigError) as refused:
            list(outlook(sized, LineageFolder(tmp_path / "out"), num_classes=num_classes))
        found = re.search(r"has ([\d,]+) params", str(refused.value))
        assert found is not None
        return int(found[1].replace(",", ""))

    assert most(30) - most(10) == 20 * (16 + 1)  # the classifier behind a head of 16 channels
    assert most(None) == most(sketch_teacher_of(tiny_plus).num_classes)


def test_shares_are_those_of_the_first_teacher_on_images_of_the_generations_size(
    tiny_plus: Recipe, tmp_path: Path
) -> None:
    teacher = NextTeacherConfig(width=1.5, image_size=16)
    recipe = replace(
        tiny_plus,
        searches={"small": SearchConfig(max={"macs": "50%"})},
        generations=GenerationsConfig(teacher=teacher),
    )
    first = first_costs(recipe, 1, num_classes=10)["macs"]
    larger = first_costs(recipe, 2, num_classes=10)["macs"]
    assert larger > 3.5 * first
    _, second = outlook(recipe, LineageFolder(tmp_path / "out"), num_classes=10)
    assert second.recipe.searches["small"].max == {"macs": larger // 2}
