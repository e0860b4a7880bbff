import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor

from helixnas.errors import ArtifactError, TeacherError, UnknownNameError
from helixnas.teacher import (
    Teacher,
    TeacherConfig,
    build_teacher,
    count_teacher,
    input_size_of,
    load_teacher,
    save_teacher,
    sketch_costs,
    sketch_teacher,
)

STRIDES = (4, 8, 16, 32)


def build(seed: int = 0, **settings: object) -> Teacher:
    config = TeacherConfig(**{"model": "test_efficientnet", **settings})  # type: ignore[arg-type]
    return build_teacher(config, strides=STRIDES, num_classes=7, input_size=(64, 64), seed=seed)


def test_a_teacher_comes_back_from_its_folder_as_it_was(family, tmp_path: Path) -> None:
    teacher, images = family.build(), family.images()
    assert save_teacher(teacher, tmp_path, family.config) == ("model.safetensors", "teacher.json")
    back = load_teacher(tmp_path)
    assert (back.boundaries, back.widths, back.feature_sizes, back.num_classes, back.frozen) == (
        *(teacher.boundaries, teacher.widths, teacher.feature_sizes),
        *(7, True),
    )
    assert all(torch.equal(a, b) for a, b in zip(back.features(images), teacher.features(images), strict=True))
    assert torch.equal(back(images), teacher(images))


def test_a_sketch_has_the_sizes_of_the_teacher_and_no_weights(family) -> None:
    teacher = family.build()
    sketch = sketch_teacher(family.config, strides=family.strides, num_classes=7, input_size=family.size)
    assert (sketch.boundaries, sketch.widths, sketch.feature_sizes) == (
        teacher.boundaries,
        teacher.widths,
        teacher.feature_sizes,
    )
    assert all(parameter.is_meta for parameter in sketch.parameters())
    assert count_teacher(sketch, 64) == count_teacher(teacher, 64) if family.size == (64, 64) else True


def test_the_costs_of_a_sketch_are_those_of_the_teacher_that_is_cut(family) -> None:
    config = replace(family.config, boundaries=("nowhere",))  # not cut, so not looked for
    costs, outputs = sketch_costs(config, num_classes=7, image_size=family.size[0])
    assert (costs, outputs) == (count_teacher(family.build(), family.size[0]), 7)


def test_attention_of_a_teacher_keeps_no_weights_between_pairs_of_tokens() -> None:
    few, many = (
        sketch_costs(TeacherConfig(model="test_vit", model_args={"img_size": side}), num_classes=3, image_size=side)[0][
            "activation_bytes"
        ]
        for side in (64, 512)
    )
    assert many < 80 * few  # 64 times the tokens; their pairs are 4,096 times as many


@pytest.mark.parametrize("size", [8, 33])
def test_costs_of_a_teacher_for_images_that_it_does_not_take_are_an_error(size: int) -> None:
    with pytest.raises(TeacherError, match=f"the teacher cannot take images of {size} x {size} pixels"):
        sketch_costs(TeacherConfig(model="test_vit"), num_classes=7, image_size=size)


@pytest.mark.parametrize(("of_images", "weights", "expected"), [(7, True, 5), (7, False, 7), (None, False, 1000)])
def test_a_sketch_has_the_classes_in_the_file_of_weights_else_those_of_the_images(
    of_images: int | None, weights: bool, expected: int, tmp_path: Path
) -> None:
    save_file(timm.create_model("test_efficientnet", num_classes=5).state_dict(), tmp_path / "w.safetensors")
    for name in ("w.safetensors",) if weights else ("", str(tmp_path / "gone.pt")):
        config = TeacherConfig(model="test_efficientnet", weights=str(tmp_path / name) if name else "")
        found = sketch_teacher(config, strides=STRIDES, num_classes=of_images, input_size=(64, 64))
        assert found.num_classes == expected


def test_first_weights_depend_on_the_seed_alone() -> None:
    def weights(seed: int) -> Tensor:
        return torch.cat([parameter.flatten() for parameter in build(seed).parameters()])

    state = torch.get_rng_state()
    first = weights(0)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(5)
    assert torch.equal(weights(0), first)
    assert not torch.equal(weights(1), first)


def test_a_teacher_wants_images_as_timm_says() -> None:
    teacher = build(model="tf_efficientnet_lite0")
    assert teacher.mean.flatten().tolist() == teacher.std.flatten().tolist() == [0.5, 0.5, 0.5]
    imagenet = build().mean.flatten()
    assert imagenet.tolist() == pytest.approx([0.485, 0.456, 0.406])


def test_a_teacher_for_grey_images_uses_the_average_over_colours() -> None:
    teacher = build(model_args={"in_chans": 1})
    assert teacher.mean.flatten().tolist() == pytest.approx([0.449])
    assert teacher.features(torch.rand(2, 1, 64, 64))[1].shape == (2, 24, 16, 16)
    assert count_teacher(teacher, 64)["macs"] > 0


def test_weights_from_a_file_keep_their_own_classes(tmp_path: Path) -> None:
    trained = timm.create_model("test_efficientnet", num_classes=11)
    save_file(trained.state_dict(), tmp_path / "w.safetensors")
    teacher = build(weights=str(tmp_path / "w.safetensors"))
    assert teacher.num_classes == 11
    images = torch.rand(2, 3, 64, 64)
    assert torch.equal(teacher(images), trained.eval()(teacher.normalize(images)))


def test_weights_of_another_network_name_the_difference(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_resnet").state_dict(), tmp_path / "w.pth")
    with pytest.raises(TeacherError, match=r"w\.pth do not fit the teacher: .* tensors are missing, first conv_stem"):
        build(weights=str(tmp_path / "w.pth"))


def test_weights_of_other_classes_than_the_recipe_insists_on_name_both(tmp_path: Path) -> None:
    torch.save(timm.create_model("test_efficientnet", num_classes=11).state_dict(), tmp_path / "w.pth")
    with pytest.raises(TeacherError, match=r"classifier\.weight has 11 classes in the file, 7 in the model"):
        build(weights=str(tmp_path / "w.pth"), model_args={"num_classes": 7})


def test_the_hub_out_of_reach_is_one_sentence() -> None:
    with pytest.raises(TeacherError, match="timm's weights need a network connection to the Hugging Face hub"):
        build(model="test_efficientnet.r160_in1k", weights="hub")


def test_an_unknown_model_gets_the_nearest_names() -> None:
    with pytest.raises(UnknownNameError, match="unknown timm model 'test_efficientnt'; did you mean test_efficientnet"):
        build(model="test_efficientnt")


def test_an_argument_that_the_model_does_not_know_is_one_sentence() -> None:
    with pytest.raises(TeacherError, match=r"the teacher 'test_efficientnet' with .*'no_such'.* cannot be built"):
        build(model_args={"no_such": 1})


def test_every_block_needs_a_boundary() -> None:
    with pytest.raises(TeacherError, match="names 1 modules, but the space has 4 blocks"):
        build(boundaries=("blocks.1",))


def test_features_coarser_than_a_block_are_refused_with_both_sizes() -> None:
    message = (
        r"boundary 'blocks\.2' has features of 8 x 8 pixels, but block 1 of the space \(stride 4\) has 16 x 16 for images of "
        r"64 x 64, and nothing is upsampled; choose a finer boundary or other strides"
    )
    config = TeacherConfig(model="test_efficientnet", boundaries=("blocks.2", "blocks.4"))
    with pytest.raises(TeacherError, match=message):
        build_teacher(config, strides=(4, 32), num_classes=7, input_size=(64, 64), seed=0)


def test_finer_features_and_a_coarser_end_are_taken() -> None:
    teacher = build(boundaries=("blocks.0", "blocks.1", "blocks.2", "blocks.3"))
    assert teacher.feature_sizes == ((32, 32), (16, 16), (8, 8), (4, 4))
    config = TeacherConfig(model="test_efficientnet", boundaries=("blocks.1", "blocks.4"))
    teacher = build_teacher(config, strides=(4, 8), num_classes=7, input_size=(64, 64), seed=0)
    assert teacher.feature_sizes == ((16, 16), (2, 2))


def test_grids_that_whole_windows_do_not_connect_are_refused() -> None:
    config = TeacherConfig(model="test_vit", model_args={"img_size": 84, "patch_size": 14}, boundaries=("blocks.5",))
    with pytest.raises(
        TeacherError, match=r"6 x 6 pixels, .* has 4 x 4 .*, and whole windows of neither grid make the other"
    ):
        build_teacher(config, strides=(21,), num_classes=7, input_size=(84, 84), seed=0)


def test_the_branch_of_a_blocks_size_is_used_and_found_again(tmp_path: Path) -> None:
    config = TeacherConfig(model="hrnet_w18_small")
    teacher = build_teacher(config, strides=(4, 8, 16), num_classes=7, input_size=(64, 64), seed=0)
    assert teacher.feature_sizes == ((16, 16), (8, 8), (4, 4))
    assert teacher.reasons == tuple(f"the last at stride {stride}" for stride in (4, 8, 16))
    save_teacher(teacher, tmp_path, config)
    back = load_teacher(tmp_path)
    assert [layout.item for layout in back.layouts] == [layout.item for layout in teacher.layouts] == [0, 1, 2]


def test_images_of_a_size_that_the_model_refuses_are_one_sentence() -> None:
    with pytest.raises(TeacherError, match="cannot take images of 64 x 64 pixels with 3 channels: Input height"):
        build(model="vit_tiny_patch16_224", model_args={"depth": 4}, boundaries=tuple(f"blocks.{k}" for k in range(4)))


def test_a_transformer_that_takes_any_size_has_its_grid_follow_the_images() -> None:
    config = TeacherConfig(model="test_vit", boundaries=("blocks.2",))
    teacher = build_teacher(config, strides=(16,), num_classes=7, input_size=(32, 80), seed=0)
    assert teacher.feature_sizes == ((2, 5),)
    assert teacher.features(torch.rand(2, 3, 32, 80))[1].shape == (2, 64, 2, 5)


def test_the_packaged_weights_are_for_one_model_only() -> None:
    with pytest.raises(
        TeacherError, match="package has weights of tf_efficientnet_lite0 only; teacher.model is test_efficientnet"
    ):
        build(weights="package")


@pytest.mark.parametrize("name", ["model.safetensors", "teacher.json"])
def test_a_truncated_teacher_of_a_run_is_one_sentence(tmp_path: Path, name: str) -> None:
    config = TeacherConfig(model="test_efficientnet")
    save_teacher(build(), tmp_path, config)
    path = tmp_path / name
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(ArtifactError, match=f"{name} is truncated or damaged"):
        load_teacher(tmp_path)


def test_a_description_without_a_field_is_one_sentence(tmp_path: Path) -> None:
    save_teacher(build(), tmp_path, TeacherConfig(model="test_efficientnet"))
    path = tmp_path / "teacher.json"
    description = json.loads(path.read_text())
    del description["mean"]
    path.write_text(json.dumps(description))
    with pytest.raises(ArtifactError, match=r"teacher\.json is truncated or damaged \('mean'\)"):
        load_teacher(tmp_path)


def test_the_size_of_a_models_images_is_known_without_building_it() -> None:
    assert input_size_of(TeacherConfig(model="test_efficientnet")) == 160
    assert input_size_of(TeacherConfig(model="small_resnet")) == 32
    assert input_size_of(TeacherConfig(model="test_vit", model_args={"img_size": 64})) == 64
