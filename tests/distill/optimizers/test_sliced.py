"""What an optimizer is told of the slices of the next step replaces what it was told before."""

import torch
from torch import nn

from helixnas.distill.optimizers.sliced import SlicedOptimizer


def test_the_slices_of_a_step_are_kept_per_parameter_until_the_next() -> None:
    first, second = nn.Parameter(torch.zeros(4)), nn.Parameter(torch.zeros(2, 2))
    optimizer = SlicedOptimizer([first, second], {"lr": 0.1})
    optimizer.expect([(first, ((0, 2),)), (first, ((1, 4),)), (first, ((0, 2),)), (second, ((0, 1), (0, 2)))])
    assert optimizer.regions == {first: {((0, 2),), ((1, 4),)}, second: {((0, 1), (0, 2))}}
    optimizer.expect([(second, ((0, 2), (0, 2)))])
    assert optimizer.regions == {second: {((0, 2), (0, 2))}}
