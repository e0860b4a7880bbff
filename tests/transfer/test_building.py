"""A model is described by plain values from which the same layers are built."""

import json

import pytest
import timm
import torch
from torch import nn

from helixnas.errors import ConfigError
from helixnas.space import from_code
from helixnas.transfer.building import describe, rebuild


@pytest.mark.parametrize("name", ["test_efficientnet", "test_vit", "helixnas"])
def test_a_description_survives_json_and_builds_the_same_layers(name: str) -> None:
    model = timm.create_model(name, **({"arch": from_code("01200102")} if name == "helixnas" else {}))
    again = rebuild(json.loads(json.dumps(describe(model, name))))
    again.load_state_dict(model.state_dict())
    images = torch.rand(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(again.eval()(images), model.eval()(images))


def test_another_number_of_classes_makes_no_difference() -> None:
    assert describe(timm.create_model("test_efficientnet", num_classes=7), "it") == {"model": "test_efficientnet"}


def test_a_model_that_its_name_does_not_build_is_refused() -> None:
    with pytest.raises(ConfigError, match="it cannot be transferred: .* other layers by the name 'test_efficientnet'"):
        describe(timm.create_model("test_efficientnet", drop_rate=0.0, in_chans=1), "it")
    with pytest.raises(ConfigError, match="it cannot be transferred: .* has no name that timm knows"):
        describe(nn.Conv2d(3, 4, 3), "it")
