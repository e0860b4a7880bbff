"""HelixNet does what users of timm expect of a model."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from helixnas.errors import ArtifactError, ConfigError, SpaceError, UnknownNameError
from helixnas.nn import build_seeded, count_params, dilate
from helixnas.space import Architecture, Head, Operation, Stage, from_code, mbconv
from helixnas.space import Path as Choice
from helixnas.zoo import HELIXNAS, ZOO, HelixNet
from helixnas.zoo.helix_net import feature_info

SPACE = mbconv(
    cells=(((2, 16),), ((1, 24),), ((2, 32),)),
    strides=(2, 1, 2),
    kernels=(3, 5),
    expansions=(3,),
    stem_width=8,
    separable_width=8,
    head_width=64,
)
ARCHITECTURE = SPACE.parse("16:mb3_k3,mb3_k5 24:mb3_k3 32:mb3_k5,mb3_k3")
IMAGES = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def create(**arguments: Any) -> nn.Module:
    """Build the network of the test through timm, in eval mode."""
    arch = arguments.pop("arch", ARCHITECTURE)
    return build_seeded(lambda: timm.create_model(HELIXNAS, arch=arch, **arguments), (0,)).eval()


def test_an_architecture_is_built_from_its_value_and_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "architecture.json"
    file.write_text(ARCHITECTURE.to_json())
    descriptions = (ARCHITECTURE, file, str(file), ARCHITECTURE.to_dict())
    models = [create(arch=arch, num_classes=5) for arch in descriptions]
    assert all(model.architecture == ARCHITECTURE for model in models)
    outputs = [model(IMAGES) for model in models]
    assert outputs[0].shape == (2, 5)
    assert all(torch.equal(outputs[0], output) for output in outputs)


def test_a_model_is_described_as_timm_describes_its_own() -> None:
    model = create(pretrained_cfg_overlay={"input_size": (3, 32, 32)})
    assert timm.data.resolve_data_config({}, model=model)["input_size"] == (3, 32, 32)
    assert isinstance(model.get_submodule(model.pretrained_cfg["first_conv"]), nn.Conv2d)
    assert model.get_submodule(model.pretrained_cfg["classifier"]) is model.get_classifier()
    assert model.get_classifier().out_features == model.num_classes == 1000
    assert model.num_features == model.head_hidden_size == 64


SCRIPT = """
import json, sys, timm, torch, helixnas.zoo
model = timm.create_model(sys.argv[1], **json.loads(sys.argv[2])).eval()
images = torch.rand(2, 3, 64, 64)
print(torch.equal(torch.jit.script(model)(images), model(images)))
"""
FAST = ("dna_a", "dna_c1")


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        *((name, {}) for name in FAST),
        *(pytest.param(name, {}, marks=pytest.mark.slow) for name in ZOO if name not in FAST),
        (HELIXNAS, {"arch": from_code("01200102").to_dict()}),
        ("small_resnet", {"strides": (1, 2, 2)}),
        ("small_resnet", {"downsampling": "pool", "num_classes": 0}),
    ],
)
def test_every_network_can_be_scripted(name: str, arguments: dict[str, Any], fork: Callable[..., Any]) -> None:
    code, said, complaints = fork(
        SCRIPT, name, json.dumps(arguments)
    ).wait()  # torch cannot script functions that beartype checks
    assert (code, said.strip()) == (0, "True"), complaints


def test_the_image_may_have_one_channel() -> None:
    assert create(in_chans=1, num_classes=3)(IMAGES[:, :1]).shape == (2, 3)


def test_no_classes_give_the_pooled_features() -> None:
    model = create(num_classes=0)
    assert isinstance(model.get_classifier(), nn.Identity)
    assert torch.allclose(model(IMAGES), model.forward_features(IMAGES).mean((2, 3)))
    assert torch.equal(model(IMAGES), model.forward_head(model.forward_features(IMAGES), pre_logits=True))


def test_a_head_without_convolution_classifies_the_last_block() -> None:
    architecture = Architecture(ARCHITECTURE.stem, ARCHITECTURE.blocks, Head(0))
    model = create(arch=architecture, num_classes=3)
    assert model.num_features == 32
    assert model.forward_features(IMAGES).shape == (2, 32, 4, 4)
    assert model(IMAGES).shape == (2, 3)


def test_a_classifier_is_replaced() -> None:
    model = create()
    model.reset_classifier(4)
    assert model(IMAGES).shape == (2, 4)
    assert model.num_classes == model.get_classifier().out_features == 4
    model.reset_classifier(0, "max")
    assert torch.equal(model(IMAGES), model.forward_features(IMAGES).amax((2, 3)))


def test_stochastic_depth_grows_with_depth_from_nothing() -> None:
    model = create(drop_path_rate=0.5)
    rates = [getattr(layer.drop_path, "drop_prob", 0.0) for stage in model.blocks for layer in stage]
    assert rates == pytest.approx([0.5 * number / 6 for number in range(1, 6)])  # the stem's second layer is number 0
    assert not any(isinstance(module, timm.layers.DropPath) for module in model.stem.modules())
    assert torch.equal(model(IMAGES), create()(IMAGES))


def test_dropout_acts_while_training_only() -> None:
    model = create(drop_rate=0.5, num_classes=0)
    assert not (model(IMAGES) == 0).all(1).any()
    pooled = model.forward_head(torch.ones(2, 64, 1, 1))
    dropped = model.train().forward_head(torch.ones(2, 64, 1, 1))
    assert set(pooled.unique().tolist()) == {1.0}
    assert set(dropped.unique().tolist()) == {0.0, 2.0}


def test_features_only_gives_the_last_stage_of_every_reduction() -> None:
    model = create(features_only=True)
    features = model(IMAGES)
    assert [tuple(each.shape) for each in features] == [(2, 8, 16, 16), (2, 24, 8, 8), (2, 32, 4, 4)]
    assert model.feature_info.channels() == [8, 24, 32]
    assert model.feature_info.reduction() == [2, 4, 8]
    assert model.feature_info.module_name() == ["stem", "blocks.1", "blocks.2"]


@pytest.mark.parametrize("indices", [(0,), (1,), (0, 2)])
def test_features_only_takes_some_and_leaves_the_rest_out(indices: tuple[int, ...]) -> None:
    chosen = create(features_only=True, out_indices=indices)
    everything = create(features_only=True)(IMAGES)
    for feature, index in zip(chosen(IMAGES), indices, strict=True):
        assert torch.equal(feature, everything[index])
    assert count_params(chosen) <= count_params(create(features_only=True))


def test_intermediates_are_the_features_on_the_way() -> None:
    model = create()
    final, features = model.forward_intermediates(IMAGES)
    assert torch.equal(final, model.forward_features(IMAGES))
    stem = model.stem(IMAGES)
    expected = [stem, model.blocks[:2](stem), model.blocks(stem)]
    assert all(torch.equal(one, other) for one, other in zip(features, expected, strict=True))
    only = model.forward_intermediates(IMAGES, indices=1, intermediates_only=True)
    assert len(only) == 1
    assert torch.equal(only[0], expected[-1])


def test_stopping_early_leaves_out_what_is_not_needed() -> None:
    model = create()
    final, (feature,) = model.forward_intermediates(IMAGES, indices=[1], stop_early=True)
    assert torch.equal(final, feature)
    final, (feature,) = model.forward_intermediates(IMAGES, indices=[0], stop_early=True)
    assert torch.equal(final, feature)
    assert feature.shape == (2, 8, 16, 16)


def test_pruning_keeps_what_the_features_need() -> None:
    model = create()
    _, (before,) = model.forward_intermediates(IMAGES, indices=[1])
    assert model.prune_intermediate_layers([1]) == [1]
    assert len(model.blocks) == 2
    assert model.num_features == 24
    assert torch.equal(model(IMAGES), before)


def test_another_order_of_axes_is_refused() -> None:
    with pytest.raises(ConfigError, match="output_fmt must be NCHW, not 'NLC'"):
        create().forward_intermediates(IMAGES, output_fmt="NLC")


def test_checkpointing_changes_memory_and_not_gradients() -> None:
    gradients = []
    for enable in (False, True):
        model = create(num_classes=3)
        model.set_grad_checkpointing(enable)
        model(IMAGES).sum().backward()
        gradients.append([parameter.grad for parameter in model.parameters()])
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(*gradients, strict=True))


@pytest.mark.parametrize(("coarse", "groups"), [(False, 1 + 5 + 1), (True, 1 + 3 + 1)])
def test_parameters_group_by_depth(coarse: bool, groups: int) -> None:
    model = create()
    matched = timm.models.group_parameters(model, model.group_matcher(coarse=coarse))
    assert all(name.startswith("stem") for name in matched[0])
    names = [name for group in matched.values() for name in group]
    assert sorted(names) == sorted(name for name, _ in model.named_parameters())
    assert len(matched) == groups


def test_a_stem_of_several_strides_is_one_feature() -> None:
    conv = Operation.of("conv_k3", kind="conv")
    stem = (Stage(2, Choice(4, (conv,))), Stage(2, Choice(8, (conv,))))
    architecture = Architecture(stem, ARCHITECTURE.blocks, ARCHITECTURE.head)
    assert [(info["module"], info["reduction"]) for info in feature_info(architecture)] == [
        ("stem", 4),
        ("blocks.1", 8),
        ("blocks.2", 16),
    ]
    shapes = [tuple(each.shape) for each in create(arch=architecture, features_only=True)(IMAGES)]
    assert shapes == [(2, 8, 8, 8), (2, 24, 4, 4), (2, 32, 2, 2)]


def test_a_stage_that_does_not_shrink_takes_the_place_of_the_one_before() -> None:
    assert [info["reduction"] for info in feature_info(from_code("22212220"))] == [1, 2, 4, 8]
    assert [info["module"] for info in feature_info(ARCHITECTURE)] == ["stem", "blocks.1", "blocks.2"]
    assert [info["stage"] for info in feature_info(ARCHITECTURE)] == [0, 1, 2]


def test_a_network_learns_in_every_parameter() -> None:
    model = create(num_classes=3).train()
    model(IMAGES).square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert isinstance(model, HelixNet)


def test_there_are_no_weights_to_download() -> None:
    with pytest.raises(ConfigError, match="no weights are published with HelixNAS; build helixnas without pretrained"):
        timm.create_model(HELIXNAS, arch=ARCHITECTURE, pretrained=True)


def test_an_architecture_is_asked_for() -> None:
    with pytest.raises(ConfigError, match=r'the model "helixnas" needs arch=, the path of an architecture\.json'):
        timm.create_model(HELIXNAS)


def test_a_file_without_an_architecture_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .*gone\.json: there is no such file"):
        timm.create_model(HELIXNAS, arch=tmp_path / "gone.json")
    (tmp_path / "half.json").write_text(ARCHITECTURE.to_json()[:200])
    with pytest.raises(SpaceError, match="not an architecture: invalid JSON at line"):
        timm.create_model(HELIXNAS, arch=tmp_path / "half.json")


def test_an_unknown_activation_of_the_head_is_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown activation 'sillu'; did you mean silu"):
        create(arch=Architecture(ARCHITECTURE.stem, ARCHITECTURE.blocks, Head(64, "sillu")))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"drop_path_rate": 1.0}, "drop_path_rate must be at least 0 and below 1, not 1.0"),
        ({"drop_path_rate": -0.1}, "drop_path_rate must be at least 0 and below 1, not -0.1"),
        ({"drop_rate": float("nan")}, "drop_rate must be at least 0 and below 1, not nan"),
        ({"num_classes": -1}, "num_classes must be at least 0, not -1"),
        ({"in_chans": 0}, "in_chans must be at least 1, not 0"),
    ],
)
def test_a_network_that_cannot_be_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        timm.create_model("dna_a", **settings)


def test_a_classifier_of_less_than_no_class_is_refused() -> None:
    with pytest.raises(ConfigError, match="num_classes must be at least 0, not -3"):
        timm.create_model("dna_a").reset_classifier(-3)


def without_excitation(text: str) -> Architecture:
    """Return a network of three strided blocks, whose features do not depend on the mean of a map."""
    operation = Operation.of("mb", kind="mbconv", kernel=3, expansion=2, se_ratio=0.0)
    widths = [int(width) for width in text.split()]
    conv = Operation.of("conv", kind="conv", kernel=3)
    return Architecture(
        (Stage(4, Choice(8, (conv,))),),
        tuple(Stage(2, Choice(width, (operation, operation))) for width in widths),
        Head(0),
    )


@pytest.mark.parametrize("output_stride", [8, 16])
def test_with_an_output_stride_features_are_the_strided_ones_at_their_pixels(output_stride: int) -> None:
    plain = create(arch=without_excitation("16 16 16"))
    dilated = create(arch=without_excitation("16 16 16"), output_stride=output_stride)
    dilated.load_state_dict(plain.state_dict())
    found, expected = (model.forward_intermediates(IMAGES.repeat(1, 1, 2, 2))[1] for model in (dilated, plain))
    for one, two in zip(found, expected, strict=True):
        spread = one.shape[-1] // two.shape[-1]
        assert torch.allclose(one[..., ::spread, ::spread], two, atol=1e-6)
    assert [info["reduction"] for info in dilated.feature_info] == [4, 8, min(16, output_stride), output_stride]
    assert found[-1].shape[-1] == 64 // output_stride


def test_dna_c_dilates_like_timm_s_efficientnet_does() -> None:
    built, changed = (timm.create_model("dna_c", **more) for more in ({"output_stride": 8}, {}))
    changed.load_state_dict(built.state_dict())
    dilate(changed, 8, name="dna_c")
    with torch.no_grad():
        one, two = (model.eval().forward_intermediates(IMAGES[:1])[1] for model in (built, changed))
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(one, two, strict=True))
    assert [each.shape[-1] for each in one] == [16, 8, 4, 4, 4]


def test_an_output_stride_is_refused_where_a_patch_would_keep_its_map() -> None:
    patch, layer = Operation.of("p", kind="patch"), Operation.of("t", kind="attention", head_dim=4)
    stem = (Stage(8, Choice(8, (patch,))),)
    network = Architecture(stem, (Stage(2, Choice(8, (layer,))),), Head(0, kind="norm"))
    with pytest.raises(ConfigError, match="output_stride needs convolutions: t merges pixels into patches"):
        create(arch=network, output_stride=8)
    with pytest.raises(ConfigError, match="output_stride must be 8, 16, 32 or 0"):
        create(output_stride=12)
