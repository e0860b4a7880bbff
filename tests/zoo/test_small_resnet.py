import pytest
import timm
import torch

import helixnas.zoo  # noqa: F401 - registers small_resnet
from helixnas.errors import ConfigError


def test_it_is_a_timm_model() -> None:
    model = timm.create_model("small_resnet", num_classes=4)
    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 4)
    assert model.pretrained_cfg["input_size"] == (3, 32, 32)
    assert model.pretrained_cfg["classifier"] == "fc"
    config = timm.data.resolve_data_config({}, model=model)
    assert config["mean"] == pytest.approx((0.4914, 0.4822, 0.4465))


@pytest.mark.parametrize(
    ("strides", "size", "expected"),
    [((2, 2, 2), 32, (16, 8, 4)), ((1, 2, 2), 16, (16, 8, 4)), ((1, 1, 1), 8, (8, 8, 8))],
)
@pytest.mark.parametrize("downsampling", ["stride", "pool"])
def test_features_stand_where_the_strides_say(
    strides: tuple[int, ...], size: int, expected: tuple[int, ...], downsampling: str
) -> None:
    model = timm.create_model("small_resnet", strides=strides, downsampling=downsampling, features_only=True)
    features = model(torch.rand(2, 3, size, size))
    assert [tuple(each.shape) for each in features] == [
        (2, width, side, side) for width, side in zip((64, 128, 256), expected, strict=True)
    ]
    assert model.feature_info.channels() == [64, 128, 256]
    assert model.feature_info.reduction() == [size // side for side in expected]
    assert model.feature_info.module_name() == ["layer1", "layer2", "layer3"]


def test_widths_depths_and_stem_are_arguments() -> None:
    model = timm.create_model("small_resnet", channels=(8, 16), layers=(1, 3), strides=(1, 2), stem_width=4, in_chans=1)
    assert [len(model.layer1), len(model.layer2)] == [1, 3]
    assert model.stem.conv.weight.shape == (4, 1, 3, 3)
    assert model.forward_features(torch.rand(2, 1, 8, 8)).shape == (2, 16, 4, 4)
    assert model.forward_head(model.forward_features(torch.rand(2, 1, 8, 8)), pre_logits=True).shape == (2, 16)


def test_pooling_follows_a_convolution_at_full_resolution() -> None:
    model = timm.create_model("small_resnet", downsampling="pool", layers=(1, 1, 2))
    sizes: list[tuple[int, ...]] = []
    model.layer1[0].register_forward_hook(lambda module, inputs, output: sizes.append(tuple(output.shape)))
    model(torch.rand(2, 3, 32, 32))
    assert sizes == [(2, 64, 32, 32)]
    assert len(model.layer3[-1].branch) == 2


def test_an_unknown_way_to_shrink_is_an_error() -> None:
    with pytest.raises(ConfigError, match="downsampling must be stride or pool, not 'blur'"):
        timm.create_model("small_resnet", downsampling="blur")


def test_the_classifier_can_be_replaced_or_left_out() -> None:
    model = timm.create_model("small_resnet")
    model.reset_classifier(3)
    assert model.get_classifier().out_features == model.num_classes == 3
    assert timm.create_model("small_resnet", num_classes=0)(torch.rand(2, 3, 16, 16)).shape == (2, 256)


def test_parameters_group_by_depth() -> None:
    model = timm.create_model("small_resnet", layers=(1, 2, 1))
    groups = timm.models.group_parameters(model, model.group_matcher())
    assert [name for name in groups[0] if not name.startswith("stem")] == []
    assert len(groups) == 1 + 4 + 1


def test_stages_of_different_number_are_an_error() -> None:
    with pytest.raises(ConfigError, match="need one entry per stage, not 3, 2 and 3"):
        timm.create_model("small_resnet", layers=(1, 1))


def test_there_are_no_weights_to_download() -> None:
    with pytest.raises(ConfigError, match="no weights are published"):
        timm.create_model("small_resnet", pretrained=True)
