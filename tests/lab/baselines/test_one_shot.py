"""A path of the shared weights is the network that would be built, with the same weights."""

import torch

from helixnas.lab.baselines.one_shot import OneShot, build_one_shot
from helixnas.space import Architecture, SearchSpace
from helixnas.zoo import HelixNet


def stand_alone(network: OneShot, architecture: Architecture) -> HelixNet:
    """Return the network of an architecture with the weights that it shares."""
    alone = HelixNet(architecture, num_classes=3)
    previous, width = network.space.stem_width, architecture.paths[-1].width
    pairs = [(alone.stem, network.stem)]
    for stage, block, path in zip(alone.blocks, network, architecture.paths, strict=True):
        cell = block.cell_of(path)
        for layer, (own, operation) in enumerate(zip(stage, path.operations, strict=True)):
            pairs.append((own, cell.operation(layer, operation.name, previous)))
        previous = path.width
    head = network.head(width)
    pairs += zip((alone.conv_head, alone.global_pool, alone.classifier), head, strict=True)
    for own, shared in pairs:
        weights = {name: value for name, value in own.state_dict().items() if "running" not in name}
        names = [name for name in weights if "num_batches" not in name]
        assert names == list(shared.state_dict())
        own.load_state_dict({**own.state_dict(), **shared.state_dict()})
    return alone


def test_every_path_equals_the_network_built_alone_with_the_same_weights(
    network: OneShot, networks: list[Architecture]
) -> None:
    images = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = []
    for architecture in networks[::5]:
        shared = network(images, architecture)
        torch.testing.assert_close(stand_alone(network, architecture).train()(images), shared)
        outputs.append(shared)
    assert not torch.allclose(outputs[0], outputs[1])


def test_all_paths_share_one_stem_and_cells_have_weights_of_their_own(network: OneShot, space: SearchSpace) -> None:
    second = list(network)[1]
    deep, wide = second
    assert list(deep.first) == list(wide.first) == ["4", "6"]
    assert deep.operation(0, "mb2_k3", 4) is not deep.operation(0, "mb2_k3", 6)
    assert sum(name.startswith("stem") for name, _ in network.named_children()) == 1
    assert list(network.heads) == ["6", "8"]
    assert not any("entries" in name or "exit" in name or "running" in name for name in network.state_dict())


def test_first_weights_depend_on_the_seed_alone(network: OneShot, space: SearchSpace) -> None:
    again, other = (build_one_shot(space, num_classes=3, seed=seed).state_dict() for seed in (0, 1))
    assert all(torch.equal(value, again[name]) for name, value in network.state_dict().items())
    assert not torch.equal(network.heads["6"][-1].weight, other["heads.6.2.weight"])


def test_only_the_sampled_path_gets_a_gradient(network: OneShot, networks: list[Architecture]) -> None:
    network(torch.rand(2, 3, 8, 8), networks[0]).sum().backward()
    assert any(p.grad is not None for name, p in network.named_parameters() if name.startswith("blocks.0.cells.0"))
    assert all(p.grad is None for name, p in network.named_parameters() if name.startswith("blocks.0.cells.1"))
    assert all(p.grad is None for name, p in network.named_parameters() if "first.6" in name)
