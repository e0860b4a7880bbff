import pytest
import torch
from torch import Tensor, nn

from helixnas.errors import ConfigError, TeacherError
from helixnas.teacher import Teacher
from helixnas.teacher.ownership import block_parameters
from helixnas.zoo import create_model


def cut(model: nn.Module, *boundaries: str, size: int = 8, detach: bool = True) -> Teacher:
    return Teacher(model, boundaries, input_size=(size, size), frozen=False, detach_boundaries=detach)


def conv(received: int, given: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(received, given, 3, 2, 1), nn.BatchNorm2d(given), nn.ReLU())


def head(width: int) -> list[nn.Module]:
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 2)]


def test_blocks_own_what_lies_between_their_boundaries_and_the_head_belongs_to_none() -> None:
    model = nn.Sequential(conv(3, 4), conv(4, 6), conv(6, 8), *head(8))
    owned = block_parameters(cut(model, "1", "2"))
    assert [{id(p) for p in block} for block in owned] == [
        {id(p) for p in nn.Sequential(model[0], model[1]).parameters()},
        {id(p) for p in model[2].parameters()},
    ]


@pytest.mark.parametrize(
    ("name", "boundaries"),
    [("tf_efficientnet_lite0", ("blocks.1", "blocks.3")), ("vit_tiny_patch16_224", ("blocks.3", "blocks.7"))],
)
def test_blocks_of_timms_networks_own_disjoint_parameters(name: str, boundaries: tuple[str, ...]) -> None:
    arguments = {"img_size": 32} if name.startswith("vit") else {}
    model = create_model(name, {"num_classes": 2, **arguments}, title=name, error=TeacherError, hint="")
    owned = block_parameters(cut(model, *boundaries, size=32))
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    first, second = ({names[id(parameter)] for parameter in block} for block in owned)
    assert not first & second
    assert all(name.startswith(tuple(f"blocks.{i}." for i in (2, 3, 4, 5, 6, 7))) for name in second)
    assert any("conv_stem" in name or "patch_embed" in name for name in first)


def test_the_measurement_leaves_mode_gradients_and_running_averages_alone() -> None:
    model = nn.Sequential(conv(3, 4), conv(4, 6), *head(6))
    teacher = cut(model, "0", "1").train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    block_parameters(teacher)
    assert teacher.training
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


class Shared(nn.Module):
    """The same layer twice."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Identity(), nn.Identity()
        self.layer = nn.Conv2d(3, 3, 1)
        self.head = nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(self.layer(x))
        x = self.second(self.layer(x))
        return self.head(x.mean((2, 3)))


def test_blocks_that_share_a_parameter_are_refused() -> None:
    with pytest.raises(
        TeacherError, match=r"blocks 1 and 2 of the teacher both depend on layer.weight, past .* 'first'"
    ):
        block_parameters(cut(Shared(), "first", "second"))


def test_a_block_without_parameters_is_refused() -> None:
    model = nn.Sequential(conv(3, 4), nn.MaxPool2d(2), *head(4))
    with pytest.raises(TeacherError, match=r"block 2 of the teacher, up to '1', has no parameter, so it cannot learn"):
        block_parameters(cut(model, "0", "1"))


def test_a_teacher_that_passes_gradients_on_is_refused() -> None:
    with pytest.raises(ConfigError, match="detach_boundaries=True"):
        block_parameters(cut(nn.Sequential(conv(3, 4), *head(4)), "0", detach=False))
