"""A convolutional teacher and a space of vision transformers, from images to a network with inherited weights."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from helixnas.artifacts import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, SpaceError, TeacherError
from helixnas.nn import count_params
from helixnas.pipeline.context import Context, fitting_teacher, image_size
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.hardware.macs import CellMacs, group_macs
from helixnas.pipeline.memory.distillation import COPIES, CORRECTIONS, FLOAT, distill_bytes
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.report.reading import read_run
from helixnas.report.run.losses import losses_section
from helixnas.retrain import load_model
from helixnas.space.slicing import largest_path
from helixnas.supernet import SupernetConfig
from helixnas.supernet.importance import importance_of_channels
from helixnas.teacher import TeacherConfig


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


def test_a_space_that_names_no_size_has_positions_for_the_images_of_the_run(recipe: Recipe) -> None:
    assert isinstance(recipe.space, dict)
    unsized = {key: value for key, value in recipe.space.items() if key != "image_size"}
    assert replace(recipe, space=unsized).search_space == recipe.search_space


@pytest.mark.slow
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


@pytest.mark.slow
def test_slimmable_cells_are_trained_rated_and_inherited(recipe: Recipe, tmp_path: Path) -> None:
    slim = replace(
        recipe,
        space={**recipe.space, "dimensions": [[8, 12], [8, 12, 16]]},  # type: ignore[dict-item]
        supernet=SupernetConfig(slimmable=True, slices="two-sided"),
        distill=replace(recipe.distill, sampling="sandwich", num_random=1),
    )
    folder = RunFolder(tmp_path / "run")
    run_recipe(slim, folder, Reporter())
    assert list(folder.load_record().stages)[-1] == "inherit:small"
    table = RatingTable.load(folder.rating(2))
    assert sorted(set(table.previous_width.tolist())) == [8, 12]
    assert [len(set(table.path)), len(table.path)] == [12, 24]
    assert len(set(table.mean().tolist())) == 24
    assert read_run(folder.path).curve_names(2) == ["8 to 16 channels, 1 layer", "8 to 16 channels, 2 layers"]
    assert "8 to 16 channels, 2 layers" in losses_section(read_run(folder.path)).body


@pytest.fixture(scope="module")
def pretrained(recipe: Recipe) -> Recipe:
    """Return a recipe whose teacher is a vision transformer, the largest network of the space but for its depth."""
    sizes = {"img_size": 8, "patch_size": 2, "embed_dim": 16, "depth": 4, "num_heads": 4, "mlp_ratio": 2.0}
    kind = {"class_token": False, "global_pool": "avg"}
    teacher = TeacherConfig(
        model="vit_tiny_patch16_224", model_args={**sizes, **kind}, boundaries=("blocks.1", "blocks.3")
    )
    return replace(
        recipe,
        teacher=teacher,
        space={**recipe.space, "dimensions": [8, 16], "layers": [2]},  # type: ignore[dict-item]
        supernet=SupernetConfig(slimmable=True, init="teacher"),
    )


@pytest.mark.slow
def test_a_supernet_that_begins_from_its_teacher_is_trained_and_searched(pretrained: Recipe, tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run")
    run_recipe(pretrained, folder, Reporter())
    context = Context(pretrained, folder, Reporter())
    images = torch.rand(2, 3, 8, 8)
    plain, ordered = context.load_teacher(), context.teacher
    torch.testing.assert_close(ordered(images), plain(images), rtol=1e-3, atol=1e-4)
    order = importance_of_channels(fitting_teacher(pretrained, plain)).argsort(descending=True, stable=True)
    features, expected = ordered.features(images), plain.features(images)
    torch.testing.assert_close(features[1], expected[1][:, order], rtol=1e-3, atol=1e-4)
    block = context.new_supernet().block(2)
    path = largest_path(next(cell.cell for cell in block if cell.cell.width == 16))
    torch.testing.assert_close(block.cell_of(path)(features[1], path, 16), features[2], rtol=1e-3, atol=1e-4)


def test_a_teacher_whose_layers_do_not_fit_is_refused_before_anything_is_trained(
    pretrained: Recipe, recipe: Recipe, tmp_path: Path
) -> None:
    wider = replace(pretrained, space={**pretrained.space, "dimensions": [8, 24]})  # type: ignore[dict-item]
    with pytest.raises(TeacherError, match="the largest of dimensions in block 1 must be 16; change it"):
        sketch(wider)
    with pytest.raises(TeacherError, match="the largest of dimensions in block 1 must be 16; change it"):
        Context(wider, RunFolder(tmp_path / "run"), Reporter()).new_teacher()
    convolutional = replace(recipe, supernet=pretrained.supernet)
    with pytest.raises(TeacherError, match="needs a vision transformer of timm .*, but it is a SmallResNet"):
        sketch(convolutional)
    with pytest.raises(ConfigError, match="supernet.init=teacher needs distill.features=raw"):
        replace(pretrained, distill=replace(pretrained.distill, features="standardized"))


def test_convolutions_cannot_be_slimmable_and_other_settings_must_fit(
    tiny: Recipe, recipe: Recipe, tmp_path: Path
) -> None:
    slim = SupernetConfig(slimmable=True)
    with pytest.raises(SpaceError, match="block 1 of space 'tiny' offers .*, which cannot be sliced"):
        Context(replace(tiny, supernet=slim), RunFolder(tmp_path / "run"), Reporter())
    with pytest.raises(
        ConfigError, match="supernet.slimmable needs distill.strategy=concurrent: progressive-b trains every"
    ):
        replace(recipe, supernet=slim, distill=replace(recipe.distill, strategy="progressive-b"))
    with pytest.raises(ConfigError, match="distill.sampling=sandwich needs supernet.slimmable=true"):
        replace(recipe, distill=replace(recipe.distill, sampling="sandwich"))


def test_the_estimate_of_slimmable_cells_counts_their_paths_per_step_and_not_their_weights_twice(
    recipe: Recipe,
) -> None:
    several = replace(recipe, space={**recipe.space, "dimensions": [[8, 12], [8, 12, 16]]})  # type: ignore[dict-item]
    slim = replace(several, supernet=SupernetConfig(slimmable=True))
    cells = [CellMacs(mean=1.0, rated=1.0)] * 6
    assert group_macs(several, 2, cells) == dict.fromkeys(range(1, 7), 1.0)
    assert sum(group_macs(slim, 2, cells).values()) == 2.0
    sandwich = replace(slim, distill=replace(slim.distill, sampling="sandwich", num_random=3))
    assert sum(group_macs(sandwich, 2, cells).values()) == 10.0
    graphs = [
        distill_bytes(sketch(each), each).fixed - count_params(sketch(each).supernet) * size
        for each, size in ((several, FLOAT * COPIES["adam"]), (slim, FLOAT * (COPIES["adam"] + CORRECTIONS)))
    ]
    assert graphs[0] == graphs[1]


def test_images_that_patches_do_not_cover_are_refused_before_anything_is_opened(recipe: Recipe) -> None:
    odd = replace(recipe, data=replace(recipe.data, image_size=9))
    message = "images of 9 pixels do not fit space 'vit': .* the nearest sizes that fit are 8 and 10"
    with pytest.raises(SpaceError, match=message):
        image_size(odd)
    with pytest.raises(SpaceError, match=message):
        sketch(odd)
