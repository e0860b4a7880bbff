"""Networks of the user's own as models of timm."""

from collections.abc import Callable
from typing import Any

import pytest
import timm
import torch
from torch import nn

from helixnas.api import register_module
from helixnas.api.given_module import given_weights
from helixnas.errors import ConfigError, TeacherError
from helixnas.zoo import require_known_model


def test_a_module_becomes_a_timm_model_of_its_own() -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten())
    name = register_module(module)
    built = timm.create_model(name, num_classes=5)
    assert built is not module
    assert not built.training
    assert torch.equal(built[0].weight, module[0].weight)
    assert register_module(module) == name
    assert register_module(nn.Sequential(nn.Conv2d(3, 5, 3))) != name


def rerun(forward: str) -> nn.Module:
    """Return the network of a notebook's cell that was edited and run again."""
    names: dict[str, Any] = {"nn": nn, "__name__": "__main__"}
    text = f"class Net(nn.Module):\n  def __init__(self):\n    super().__init__()\n    self.body = nn.Linear(2, 2)\n{forward}"
    exec(text, names)
    return names["Net"]()


def test_an_edited_forward_is_another_teacher() -> None:
    first = rerun("  def forward(self, x): return self.body(x)")
    second = rerun("  def forward(self, x): return self.body(x) + 1")
    names = register_module(first), register_module(second)
    assert names[0] != names[1]
    zero = torch.zeros(1, 2)
    for module, name in zip((first, second), names, strict=True):
        assert torch.equal(timm.create_model(name)(zero), module(zero))


def test_the_last_of_two_networks_of_one_name_is_built() -> None:
    modules = [nn.Sequential(nn.Linear(2, 3)) for _ in range(2)]
    (name,) = {register_module(module) for module in modules}
    assert torch.equal(timm.create_model(name)[0].weight, modules[1][0].weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_copies_and_weights_are_float32(dtype: torch.dtype) -> None:
    name = register_module(nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).to(dtype))
    assert timm.create_model(name)(torch.zeros(1, 3, 4, 4)).dtype == torch.float32
    floats = {tensor.dtype for tensor in given_weights(name).values() if tensor.is_floating_point()}
    assert floats == {torch.float32}


@pytest.mark.parametrize(
    "wrap", [nn.DataParallel, lambda module: torch.compile(nn.DataParallel(module), backend="eager")]
)
def test_a_wrapped_network_is_the_network(wrap: Callable[[nn.Module], nn.Module]) -> None:
    module = nn.Sequential(nn.Conv2d(3, 4, 3))
    name = register_module(wrap(module))
    assert name == register_module(module)
    assert given_weights(name).keys() == module.state_dict().keys()


def test_a_module_that_cannot_be_copied_is_named() -> None:
    module = nn.Module()
    module.stream = (each for each in ())
    with pytest.raises(TeacherError, match="the teacher Module cannot be copied"):
        register_module(module)


def test_a_name_of_another_process_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="call it again with the same network to go on"):
        require_known_model("given_net_0")
