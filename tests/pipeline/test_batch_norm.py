"""A batch in which batch norm has a single value per channel is refused before anything is trained."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.pipeline.stages import STAGES

ALL = [stage.name for stage in STAGES]
SETTINGS = ["teacher_fit.batch_size", "distill.batch_size", "data.num_rating", "retrain.fit.batch_size"]


def with_one(recipe: Recipe, setting: str) -> Recipe:
    """Return a recipe with a setting of 1."""
    section, *inner = setting.split(".")
    value: Any = getattr(recipe, section)
    changed = (
        replace(value, fit=replace(value.fit, batch_size=1)) if inner[0] == "fit" else replace(value, **{inner[0]: 1})
    )
    return replace(recipe, **{section: changed})


@pytest.fixture
def one_pixel(tiny: Recipe) -> Recipe:
    """The tiny recipe with images so small that the last feature maps are 1 x 1."""
    assert isinstance(tiny.space, dict)
    teacher = replace(tiny.teacher, model_args={**tiny.teacher.model_args, "strides": [2, 2]})
    space = {**tiny.space, "strides": [2, 2]}
    return replace(tiny, data=replace(tiny.data, image_size=4), teacher=teacher, space=space)


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_setting_is_named_before_anything_is_trained(
    one_pixel: Recipe, tmp_path: Path, listener: Reporter, setting: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        run_recipe(with_one(one_pixel, setting), RunFolder(tmp_path / "run"), listener)
    assert str(caught.value) == (
        "batch norm has a single value per channel in a batch of one image whose features are 1 x 1 pixel; raise "
        f"{setting}, or the size of the images (data.image_size)"
    )
    assert getattr(listener, "said", None) == []


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_single_image_with_larger_features_is_allowed(tiny: Recipe, setting: str) -> None:
    check_batch_norm(with_one(tiny, setting), ALL)


def test_two_images_are_enough(one_pixel: Recipe) -> None:
    check_batch_norm(one_pixel, ALL)


def test_a_stage_that_is_not_run_does_not_count(one_pixel: Recipe) -> None:
    check_batch_norm(with_one(one_pixel, "distill.batch_size"), ["teacher", "rate"])
