"""A convolutional teacher and a space of vision transformers, from images to a network with inherited weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helixnas.artifacts import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import SpaceError
from helixnas.pipeline.context import image_size
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.retrain import load_model


@pytest.fixture(scope="module")
def recipe(tiny: Recipe) -> Recipe:
    """Return the tiny recipe with a teacher of one grid and a space of 32 vision transformers of 4 x 4 patches."""
    space = {
        "family": "vit",
        "dimensions": [[8], [12]],
        "head_dim": 4,
        "mlp_ratios": [1, 2],
        "layers": [1, 2],
        "strides": [1, 1],
        "patch": 2,
        "image_size": 8,
        "stem_width": 16,
    }
    assert tiny.retrain is not None
    return replace(
        tiny,
        teacher=replace(tiny.teacher, model_args={**tiny.teacher.model_args, "strides": [2, 1]}),
        space=space,
        retrain=replace(tiny.retrain, init="inherited"),
    )


def test_a_vision_transformer_is_searched_and_trained_from_inherited_weights(recipe: Recipe, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_recipe(recipe, folder, Reporter())
    assert list(folder.load_record().stages)[-1] == "inherit:small"
    tables = [RatingTable.load(folder.rating(number)) for number in (1, 2)]
    assert [len(table.path) for table in tables] == [4, 4]
    assert len(set(tables[0].mean().tolist())) == 4
    model = load_model(folder.inherited("small"))
    kinds = {operation.kind for operation in model.architecture.operations}
    assert kinds == {"patch", "attention"}
    assert model(torch.rand(2, 3, 8, 8)).shape == (2, 10)


def test_images_that_patches_do_not_cover_are_refused_before_anything_is_opened(recipe: Recipe) -> None:
    odd = replace(recipe, data=replace(recipe.data, image_size=9))
    message = "images of 9 pixels do not fit space 'vit': .* the nearest sizes that fit are 8 and 10"
    with pytest.raises(SpaceError, match=message):
        image_size(odd)
    with pytest.raises(SpaceError, match=message):
        sketch(odd)
