import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer

from helixnas.errors import TeacherError
from helixnas.teacher import Layout, Teacher
from helixnas.teacher.layout import layout_of

LAYOUTS = {
    "nchw": (Layout("nchw"), (2, 5, 3, 4)),
    "nhwc": (Layout("nhwc"), (2, 3, 4, 5)),
    "tokens": (Layout("tokens", (3, 4), 0), (2, 12, 5)),
    "class token and registers": (Layout("tokens", (3, 4), 5), (2, 17, 5)),
}


@pytest.mark.parametrize(("layout", "shape"), LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_feature_map_goes_back_to_where_it_came_from(layout: Layout, shape: tuple[int, ...]) -> None:
    output = torch.rand(shape)
    features = layout.to_nchw(output)
    assert features.shape == (2, 5, 3, 4)
    assert torch.equal(layout.from_nchw(features, output), output)


def test_tokens_are_read_row_by_row_after_the_class_token() -> None:
    output = torch.tensor([[[-1.0], [0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]])
    features = Layout("tokens", (2, 3), 1).to_nchw(output)
    assert features.tolist() == [[[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]]


def test_new_features_keep_the_networks_own_class_token() -> None:
    output, features = torch.full((1, 5, 2), 7.0), torch.zeros(1, 2, 2, 2)
    back = Layout("tokens", (2, 2), 1).from_nchw(features, output)
    assert back[:, 0].tolist() == [[7.0, 7.0]]
    assert back[:, 1:].abs().sum() == 0


def test_a_transformer_that_says_nothing_of_itself_is_understood() -> None:
    torch.manual_seed(0)
    model = VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=16, num_classes=3
    )
    nn.init.normal_(model.heads.head.weight)
    names = tuple(f"encoder.layers.encoder_layer_{number}" for number in range(2))
    teacher = Teacher(model, names, input_size=(32, 32))
    assert [(layout.grid, layout.num_prefix) for layout in teacher.layouts] == [((4, 4), 1)] * 2
    images = torch.rand(2, 3, 32, 32)
    features, logits = teacher.features_and_logits(images)
    assert logits.abs().sum() > 0
    assert torch.equal(teacher.continue_from(images, 1, features[1]), logits)


def test_tokens_that_form_no_grid_are_an_error() -> None:
    with pytest.raises(
        TeacherError, match="the 7 tokens of module 'odd' do not form a grid over an image of 32 x 32 pixels"
    ):
        layout_of(nn.Identity(), "odd", torch.zeros(1, 7, 4), (32, 32))


@pytest.mark.parametrize(("output", "found"), [(torch.zeros(2, 3), r"a tensor of shape \(2, 3\)"), ((1, 2), "tuple")])
def test_what_is_no_feature_map_is_an_error(output: object, found: str) -> None:
    with pytest.raises(TeacherError, match=f"module 'head' returns {found}; a boundary needs a feature map"):
        layout_of(nn.Identity(), "head", output, (32, 32))
