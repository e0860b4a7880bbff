"""Any kind of teacher meets any kind of student, with no boundary named."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from helixnas.artifacts import RatingTable
from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.files import read_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.costs import cost_table
from helixnas.errors import ConfigError
from helixnas.pipeline.bridges import check_scores, check_teacher, cut_texts, no_stitching
from helixnas.pipeline.estimate import sketch
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_recipe
from helixnas.teacher import Teacher

VIT_TEACHER = {
    "model": "test_vit",
    "model_args": {
        "img_size": 8,
        "patch_size": 2,
        "depth": 3,
        "embed_dim": 16,
        "num_heads": 2,
        "class_token": False,
        "reg_tokens": 0,
        "global_pool": "avg",
    },
}
CLASS_TOKEN_TEACHER = {
    "model": "test_vit",
    "model_args": {"img_size": 8, "patch_size": 2, "depth": 3, "embed_dim": 16, "num_heads": 2},
}
SWIN_TEACHER = {
    "model": "swin_tiny_patch4_window7_224",
    "model_args": {
        "img_size": 16,
        "patch_size": 2,
        "window_size": 2,
        "embed_dim": 8,
        "depths": (1, 3, 1),
        "num_heads": (1, 2, 4),
    },
}


def cnn_teacher(strides: list[int]) -> dict[str, Any]:
    channels = [8, 12, 16][: len(strides)]
    layers = [2] * len(strides)
    arguments = {"channels": channels, "layers": layers, "strides": strides, "stem_width": 8}
    return {"model": "small_resnet", "model_args": arguments}


def mbconv(stem_stride: int, strides: list[int]) -> dict[str, Any]:
    cells = [[[1, 8], [1, 12]]] * len(strides)
    narrow = {"stem_width": 8, "separable_width": 0, "head_width": 16, "stem_stride": stem_stride}
    return {"family": "mbconv", "cells": cells, "strides": strides, "kernels": [3], "expansions": [3, 6], **narrow}


def vit(blocks: int) -> dict[str, Any]:
    sizes = {"head_dim": 4, "mlp_ratios": [1, 2], "layers": [1], "patch": 2, "image_size": 8, "stem_width": 16}
    return {"family": "vit", "dimensions": [8, 12], "strides": [1] * blocks, **sizes}


UNAVAILABLE = {
    "ViT -> CNN": "the last block's features have 2 x 2 pixels where the teacher's have 4 x 4",
    "ViT with class token -> CNN": "a transformer that classifies by its class token",
}
"""Why no stitched network of a pair can be measured."""

PAIRS: dict[str, tuple[dict[str, Any], dict[str, Any], int, list[str]]] = {
    "CNN -> CNN": (cnn_teacher([1, 2]), mbconv(1, [1, 2, 1]), 8, ["the last", "% of the", "the last"]),
    "CNN -> ViT": (cnn_teacher([1, 2, 2]), vit(3), 8, ["% of the", "% of the", "the last place"]),
    "ViT -> ViT": (VIT_TEACHER, vit(2), 8, ["% of the", "the last place"]),
    "ViT -> CNN": (VIT_TEACHER, mbconv(2, [1, 2, 1]), 8, ["% of the", "% of the", "the last at stride 2"]),
    "ViT with class token -> CNN": (CLASS_TOKEN_TEACHER, mbconv(2, [1, 1]), 8, ["% of the", "the last place"]),
    "Swin -> MBConv": (SWIN_TEACHER, mbconv(2, [1, 2, 1, 2]), 16, ["the last", "% of the", "the last", "the last"]),
}


def recipe_of(tiny: Recipe, pair: str) -> Recipe:
    teacher, space, side, _ = PAIRS[pair]
    assert tiny.retrain is not None
    return replace(
        tiny,
        data=replace(tiny.data, image_size=side, num_rating=40),
        teacher=replace(tiny.teacher, boundaries=(), **teacher),
        teacher_fit=replace(tiny.teacher_fit, batch_size=512),
        space=space,
        distill=replace(tiny.distill, batch_size=512),
        rating=replace(tiny.rating, batch_size=20, scores=("relative_l1",)),
        stitching=replace(tiny.stitching, num_architectures=3, num_images=40, batch_size=20),
        retrain=replace(tiny.retrain, fit=replace(tiny.retrain.fit, batch_size=512)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_a_pair_runs_end_to_end_with_no_boundary_named(pair: str, tiny: Recipe, tmp_path: Path, listener) -> None:
    recipe, folder, reasons = recipe_of(tiny, pair), RunFolder(tmp_path / "run"), PAIRS[pair][3]
    drawn = sketch(recipe)
    run_recipe(recipe, folder, listener)
    record = folder.load_record()
    assert "retrain:small" in record.stages
    said = [text for text in listener.said if text.startswith("teacher: block ")]
    assert [text.removeprefix("teacher: ") for text in said] == record.stages["teacher"].facts["cuts"]
    assert all(reason in text for reason, text in zip(reasons, said, strict=True))
    assert said == [f"teacher: {text}" for text in cut_texts(drawn.teacher, drawn.space.strides)]
    for number in range(1, len(drawn.space.blocks) + 1):
        assert len(set(RatingTable.load(folder.rating(number)).mean().tolist())) > 1
    stitching = read_json(folder.stitching)
    assert UNAVAILABLE.get(pair, "") in stitching.get("unavailable", "")
    assert ("unavailable" in stitching) == (pair in UNAVAILABLE)
    assert len(stitching["architectures"]) == (0 if pair in UNAVAILABLE else 3)


def test_costs_are_those_of_the_built_network_and_not_of_its_bridges(tiny: Recipe, tmp_path: Path, listener) -> None:
    recipe, folder = recipe_of(tiny, "ViT -> CNN"), RunFolder(tmp_path / "run")
    run_recipe(recipe, folder, listener, until="costs")
    table = load_costs(folder, folder.load_record())
    alone = cost_table(recipe.search_space, image_size=8, num_classes=10)
    for name in ("params", "macs", "activation_bytes"):
        assert table.resource(name).tolist() == alone.resource(name).tolist()


class Grids(nn.Module):
    """A teacher with features of 8 x 8, 4 x 4 and 2 x 2 pixels."""

    def __init__(self, *, reads_last: bool = True) -> None:
        super().__init__()
        self.first, self.second, self.third = (nn.Conv2d(3, 3, 2, 2) for _ in range(3))
        self.reads_last = reads_last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.second(self.first(x))
        z = self.third(y)
        return (z if self.reads_last else y + 0 * z.mean()).mean((2, 3))


def teacher(*boundaries: str, **settings: bool) -> Teacher:
    found = Teacher(Grids(**settings), boundaries, input_size=(16, 16))
    found.reasons = ("named",) * len(boundaries)
    return found


def test_texts_name_the_grid_of_comparison_where_it_is_not_the_teachers() -> None:
    assert cut_texts(teacher("first", "second", "third"), (2, 8, 4)) == (
        "block 1 ends at first: named",
        "block 2 ends at second: named; 4 x 4 pixels compared at 2 x 2",
        "block 3 ends at third: named; 4 x 4 pixels of the student compared at 2 x 2",
    )


def test_scores_that_need_the_rest_of_the_teacher_are_refused_for_a_coarser_student() -> None:
    for alone in ("relative_l1", "embedding_distance"):
        check_scores(teacher("first", "second"), (2, 8), (alone,))
    check_scores(teacher("first", "third"), (2, 4), ("relative_l1", "task_kl"))
    with pytest.raises(ConfigError, match=r"final_l1 runs .* estimate of Y_2, which has 2 x 2 pixels .* has 4 x 4"):
        check_scores(teacher("first", "second"), (2, 8), ("relative_l1", "final_l1"))


def test_stitching_is_unavailable_behind_a_coarser_student_or_an_output_that_reads_other_features() -> None:
    assert no_stitching(teacher("first", "third"), (2, 4)) == ""
    assert "have 2 x 2 pixels where the teacher's have 4 x 4" in no_stitching(teacher("first", "second"), (2, 8))
    assert "does not depend on the last boundary" in no_stitching(teacher("first", "third", reads_last=False), (2, 8))


def test_an_output_that_reads_other_features_rules_the_task_score_out_and_is_told_early() -> None:
    apart = teacher("first", "third", reads_last=False)
    (warning,) = check_teacher(apart, (2, 8), scores=("relative_l1",), stitching=True)
    assert warning.startswith("the stitching check will be unavailable: the teacher's output does not depend")
    assert not list(check_teacher(apart, (2, 8), scores=("relative_l1",), stitching=False))
    with pytest.raises(ConfigError, match="log_kl cannot tell paths of the last block apart: the teacher's output"):
        list(check_teacher(apart, (2, 8), scores=("relative_l1", "log_kl"), stitching=False))
    with pytest.raises(ConfigError, match="task_kl cannot tell paths of the last block apart: the teacher's output"):
        list(check_teacher(apart, (2, 8), scores=("relative_l1", "task_kl"), stitching=False))
    assert not list(check_teacher(teacher("third"), (8,), scores=("task_kl",), stitching=True))
