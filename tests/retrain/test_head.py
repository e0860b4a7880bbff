"""Only the head of a network learns while its body is frozen."""

from typing import Any

import torch

from helixnas.retrain import FrozenBody, RetrainConfig, build_model
from helixnas.space import mbconv

SPACE = mbconv(cells=(((1, 8),),), strides=(2,), kernels=(3,), expansions=(2,), stem_width=8, head_width=12)


def network(**settings: Any) -> Any:
    one, config = (1.0, 1.0, 1.0), RetrainConfig(**settings)
    architecture = SPACE.parse("8:mb2_k3")
    return build_model(architecture, num_classes=3, image_size=16, mean=one, std=one, config=config, seed=0)


def test_a_step_changes_the_head_and_neither_weights_nor_averages_of_the_body() -> None:
    model = network()
    body = FrozenBody(model)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    body.train()
    optimizer = torch.optim.SGD([p for p in body.parameters() if p.requires_grad], lr=1.0)
    body(torch.rand(4, 3, 16, 16)).square().sum().backward()
    optimizer.step()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    assert {name.split(".")[0] for name in changed} == {"conv_head", "classifier"}
    assert "conv_head.bn.running_mean" in changed


def test_the_output_is_the_networks_own_and_release_lets_all_learn_again() -> None:
    model = network(drop_path_rate=0.5)
    body, images = FrozenBody(model).eval(), torch.rand(2, 3, 16, 16)
    assert torch.equal(body(images), model(images))
    body.release()
    assert all(parameter.requires_grad for parameter in model.parameters())
