"""Networks of the user's own as models of timm."""

import pytest
import timm
import torch
from torch import nn

from helixnas.api import register_module
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


def test_a_module_that_cannot_be_copied_is_named() -> None:
    module = nn.Module()
    module.stream = (each for each in ())
    with pytest.raises(TeacherError, match="the teacher Module cannot be copied"):
        register_module(module)


def test_a_name_of_another_process_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="call it again with the same network to go on"):
        require_known_model("given_net_0")
