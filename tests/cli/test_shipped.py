"""Shipped recipes by name, and recipes by path."""

from pathlib import Path

import pytest

from helixnas.cli.shipped import KINDS, find_recipe, shipped_recipes
from helixnas.errors import ConfigError, UnknownNameError


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_recipes_that_are_found_by_name(kind: str) -> None:
    recipes = shipped_recipes(kind)
    assert recipes
    assert all(find_recipe(name, kind) == path and path.is_file() for name, path in recipes.items())


def test_a_file_is_found_by_its_path(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    with pytest.raises(ConfigError, match=r"there is no recipe file .*mine\.yaml"):
        find_recipe(str(file))
    file.touch()
    assert find_recipe(str(file)) == file


def test_an_unknown_name_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown study 'seed'; did you mean seeds"):
        find_recipe("seed", "study")
