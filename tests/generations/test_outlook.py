"""The dry run of generations: a winner that is not known yet is stood in for, a known one is used."""

from dataclasses import replace
from pathlib import Path

import pytest

from helixnas.artifacts.lineage import LineageFolder
from helixnas.errors import ConfigError
from helixnas.generations.outlook import outlook
from helixnas.generations.run import recipe_of
from helixnas.pipeline.generations_config import GenerationsConfig, NextTeacherConfig
from helixnas.pipeline.recipe import Recipe


def test_before_the_first_search_a_random_network_stands_for_the_winner(tiny_plus: Recipe, tmp_path: Path) -> None:
    first, second = outlook(tiny_plus, LineageFolder(tmp_path / "out"))
    assert (first.note, first.recipe.teacher) == ("", tiny_plus.teacher)
    assert "a random network of the space stands for it here" in second.note
    assert second.recipe.teacher.boundaries == ("blocks.0", "blocks.1")
    assert not (tmp_path / "out").exists()


def test_once_a_winner_is_known_it_is_used(tiny_plus: Recipe, two: LineageFolder) -> None:
    _, second = outlook(tiny_plus, two)
    assert second.recipe == recipe_of(tiny_plus, 2, two)
    assert second.note == "taught by the winner of generation 1, scaled"


def test_a_size_that_no_network_can_be_scaled_to_is_refused(tiny_plus: Recipe, tmp_path: Path) -> None:
    recipe = replace(tiny_plus, generations=GenerationsConfig(teacher=NextTeacherConfig(params=100)))
    with pytest.raises(ConfigError, match="asks for 100 in generation 2"):
        list(outlook(recipe, LineageFolder(tmp_path / "out")))
