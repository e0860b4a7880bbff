"""Settings by name on the command line: presets over recipes."""

import pytest

from helixnas.cli.settings import read_recipe
from helixnas.cli.shipped import shipped_recipes
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline.recipe import Recipe

FIXED = [name for name in shipped_recipes() if not read_recipe(name).distill.is_self_supervised]


@pytest.mark.parametrize("name", FIXED)
def test_the_papers_setting_is_one_option_away_in_every_recipe_with_a_fixed_teacher(name: str) -> None:
    plain, paper = read_recipe(name), read_recipe(name, ["--preset", "paper"])
    assert (paper.distill.sampling, paper.distill.features, paper.distill.stop_at) == ("uniform", "raw", 1.0)
    assert paper.rating.scores == ("relative_l1",)
    assert paper.proxies.num_networks == paper.calibration.num_networks == 0
    assert all(search.scores == () for search in paper.searches.values())
    assert (paper.teacher, paper.space, paper.data) == (plain.teacher, plain.space, plain.data)
    assert {key: search.max for key, search in paper.searches.items()} == {
        key: search.max for key, search in plain.searches.items()
    }


def test_options_after_a_preset_win() -> None:
    recipe: Recipe = read_recipe("digits", ["--preset", "paper", "--distill.stop-at", "0.5"])
    assert (recipe.distill.stop_at, recipe.distill.sampling) == (0.5, "uniform")


def test_a_preset_that_does_not_exist_or_is_not_named_is_told() -> None:
    with pytest.raises(UnknownNameError, match="unknown preset 'papr'; did you mean paper"):
        read_recipe("digits", ["--preset", "papr"])
    with pytest.raises(ConfigError, match="--preset needs a value"):
        read_recipe("digits", ["--preset"])


@pytest.mark.parametrize("name", sorted({*shipped_recipes()} - {*FIXED}))
def test_the_papers_preset_is_refused_by_its_name_where_the_teacher_learns(name: str) -> None:
    with pytest.raises(ConfigError, match="--preset paper is for a fixed teacher, .* but this recipe's teacher learns"):
        read_recipe(name, ["--preset", "paper", "--seed", "1"])


def test_a_preset_is_judged_by_what_later_options_make_of_the_recipe() -> None:
    fixed = ["--distill.objective", "features", "--data.augmentation", "shift"]
    assert read_recipe("digits-vit++", ["--preset", "paper", *fixed]).rating.scores == ("relative_l1",)
