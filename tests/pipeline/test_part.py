"""Parts of stages: their names, and that together they are the whole."""

from dataclasses import replace

import pytest

from helixnas.cli.settings import read_recipe
from helixnas.errors import UnknownNameError
from helixnas.pipeline.part import Part, find_part, parts_of
from helixnas.pipeline.recipe import Recipe


def names(recipe: Recipe, stage: str, size: str) -> list[str]:
    return [part.name for part in parts_of(recipe, stage, size)]  # type: ignore[arg-type]


def test_a_stage_is_divided_into_blocks_cells_and_for_rating_prefixes(tiny: Recipe) -> None:
    assert names(tiny, "rate", "block") == ["rate-1", "rate-2"]
    cells = ["rate-1-cell-1", "rate-1-cell-2", "rate-2-cell-1", "rate-2-cell-2"]
    assert names(tiny, "rate", "cell") == cells
    assert names(tiny, "rate", "prefix") == [f"{cell}-prefix-{number}" for cell in cells for number in (1, 2)]
    assert names(tiny, "distill", "prefix") == names(tiny, "distill", "cell")
    assert names(tiny, "distill", "cell") == [cell.replace("rate", "distill") for cell in cells]


def test_cells_that_share_weights_are_trained_in_one_part_and_rated_in_several() -> None:
    recipe = read_recipe("cifar10-vit", [])
    cells = recipe.search_space.blocks[0].cells
    trained = [part for part in parts_of(recipe, "distill", "cell") if part.block == 1]
    assert len(trained) == len({cell.depth for cell in cells}) < len(cells)
    assert len([part for part in parts_of(recipe, "rate", "cell") if part.block == 1]) == len(cells)


def test_a_part_is_found_by_its_name_and_another_name_lists_the_nearest(tiny: Recipe) -> None:
    assert find_part(tiny, "rate-2-cell-1-prefix-2") == Part("rate", 2, 1, 2)
    assert find_part(replace(tiny, seed=1), "distill-1") == Part("distill", 1)
    with pytest.raises(UnknownNameError, match=r"unknown job 'distill-3'; did you mean distill-"):
        find_part(tiny, "distill-3")
