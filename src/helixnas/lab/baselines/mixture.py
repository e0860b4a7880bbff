"""DARTS: all operations of a layer at once, in learned shares; a network is ranked by the joint probability of its choices.

A block chooses a cell, a layer of a cell an operation; each choice is a softmax over architecture parameters. A layer's
output is the mean of its operations' outputs, weighted by their probabilities; a block's output is that of its cells. Outputs
of different width cannot be added: they stay separate until the first layer of the next cell, which has operations for each
width, weighted by the probability of that width.
"""

import math
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.lab.baselines.one_shot import OneShot
from helixnas.nn import build_seeded
from helixnas.space import Architecture, SearchSpace
from helixnas.supernet import CellModule

CHOICES_STREAM = 44
"""Separates the initial architecture parameters from the other random numbers of a seed."""

INITIAL_SPREAD = 1e-3
"""Standard deviation of the initial architecture parameters."""


class Choices(nn.Module):
    """The architecture parameters: per block one for each cell, per layer of a cell one for each operation.

    If all are 0, every network of the space is equally probable: a cell's prior is its number of paths.
    """

    def __init__(self, space: SearchSpace) -> None:
        super().__init__()
        self.space = space
        self.cells = nn.ParameterList(INITIAL_SPREAD * torch.randn(len(block.cells)) for block in space.blocks)
        self.operations = nn.ParameterDict(
            {
                _key(number, index, layer): INITIAL_SPREAD * torch.randn(len(operations))
                for number, block in enumerate(space.blocks, start=1)
                for index, cell in enumerate(block.cells)
                for layer, operations in enumerate(cell.layers)
                if cell.leaders[layer] == layer
            }
        )

    def log_cells(self, block: int) -> Float[Tensor, " cells"]:
        """Return the logarithm of the probability of every cell of a block, 1 .. N."""
        parameters = self.cells[block - 1]
        prior = [math.log(cell.num_paths) for cell in self.space.blocks[block - 1].cells]
        return F.log_softmax(parameters + torch.tensor(prior, device=parameters.device), 0)

    def log_operations(self, block: int, cell: int, layer: int) -> Float[Tensor, " operations"]:
        """Return the logarithm of the probability of every operation of a layer; tied layers share one choice."""
        leader = self.space.blocks[block - 1].cells[cell].leaders[layer]
        return F.log_softmax(self.operations[_key(block, cell, leader)], 0)

    @torch.no_grad()
    def log_probability(self, architecture: Architecture) -> float:
        """Return the logarithm of a network's joint probability; higher is better."""
        total = 0.0
        for number, (block, path) in enumerate(zip(self.space.blocks, architecture.paths, strict=True), start=1):
            cell = block.cell_of(path)
            assert cell is not None, "the network is of the space"
            index = block.cells.index(cell)
            total += float(self.log_cells(number)[index])
            for layer, operation in enumerate(path.operations):
                if cell.leaders[layer] != layer:
                    continue
                total += float(self.log_operations(number, index, layer)[cell.layers[layer].index(operation)])
        return total


def build_choices(space: SearchSpace, *, seed: int) -> Choices:
    """Return architecture parameters close to 0 that depend on `seed` alone."""
    return build_seeded(lambda: Choices(space), (seed, CHOICES_STREAM))


def mixed_logits(
    network: OneShot, choices: Choices, images: Float[Tensor, "batch channels height width"]
) -> Float[Tensor, "batch classes"]:
    """Return the logits of the mixture of all networks; every operation is evaluated, and kept for the backward pass."""
    stem_width = network.space.stem_width
    features = {stem_width: network.stem(images)}
    shares = {stem_width: torch.ones((), device=images.device)}
    for block in network:
        probabilities = choices.log_cells(block.number).exp()
        parts: dict[int, list[tuple[Tensor, Tensor]]] = {}
        for index, cell in enumerate(block):
            mixing = [choices.log_operations(block.number, index, layer).exp() for layer in range(cell.cell.depth)]
            given = _mixed_cell(cell, mixing, features, shares)
            parts.setdefault(cell.cell.width, []).append((probabilities[index], given))
        shares = {width: torch.stack([share for share, _ in own]).sum() for width, own in parts.items()}
        features = {width: _weighted(own) / shares[width] for width, own in parts.items()}
    return _weighted([(shares[width], network.head(width)(x)) for width, x in features.items()])


def _mixed_cell(
    cell: CellModule, mixing: Sequence[Tensor], features: Mapping[int, Tensor], shares: Mapping[int, Tensor]
) -> Tensor:
    x = _weighted([(shares[width], _mixed_layer(cell, 0, mixing[0], x, width)) for width, x in features.items()])
    for layer in range(1, cell.cell.depth):
        x = _mixed_layer(cell, layer, mixing[layer], x, 0)
    return x


def _mixed_layer(cell: CellModule, layer: int, probabilities: Tensor, x: Tensor, previous_width: int) -> Tensor:
    operations = cell.cell.layers[layer]
    given = [cell.operation(layer, operation.name, previous_width)(x) for operation in operations]
    return _weighted(list(zip(probabilities, given, strict=True)))


def _weighted(parts: Sequence[tuple[Tensor, Tensor]]) -> Tensor:
    total = parts[0][0] * parts[0][1]
    for share, x in parts[1:]:
        total = total + share * x
    return total


def _key(block: int, cell: int, layer: int) -> str:
    return f"block-{block}-cell-{cell + 1}-layer-{layer + 1}"
