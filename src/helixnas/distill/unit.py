"""A training unit: parameters that are trained together, by one optimiser, towards one objective.

The paper's unit is one cell of a block with Eq. 6 (`helixnas.distill.cells`). A unit may also hold several cells that
share weights, draw several paths per step and sum their gradients, and own projectors or the teacher's block.
"""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import partial

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.optim import Optimizer

from helixnas.distill.collapse import Watch
from helixnas.distill.objective import Features, Objective
from helixnas.distill.sampling import Draw
from helixnas.engine.runtime import Runtime

Forward = Callable[..., Tensor]
"""Maps Y_{k-1}, a path and the width before it to the path's estimate of Y_k; a `SupernetCell` is one.

Cells that are trained as slices from either end take a third argument: whether it is the last channels.
"""


def _ignore(draws: Sequence[Draw]) -> None:
    """Do nothing: the gradients alone tell the optimiser what to touch."""


@dataclass(eq=False)
class TrainingUnit:
    """Trains one cell, or several cells that share weights; independent of the units beside it.

    The `module` is everything that is trained and saved, cells and what the objective owns; the optimizer holds its
    parameters. The unit has number `index` (from 0) in its `block` (from 1); a loss that is not finite stops all units of
    a block. `draw` maps the number of a step, from 0, to the paths trained in it, and `lr` the epochs done, with
    fractions, to the learning rate.
    """

    module: nn.Module
    _: KW_ONLY
    forward: Forward
    block: int
    index: int
    draw: Callable[[int], tuple[Draw, ...]]
    objective: Objective
    optimizer: Optimizer
    lr: Callable[[float], float]
    watch: Watch | None = None
    """Looks for signs of collapse after a step."""
    announce: Callable[[Sequence[Draw]], None] = _ignore
    """Called with the draws of a step before their gradients; where paths use slices, it tells the optimizer which."""

    def accumulate(self, views: Sequence[Features], draws: Sequence[Draw], *, runtime: Runtime) -> Float[Tensor, ""]:
        """Set the gradients of the drawn paths, summed, and return the mean loss of a path.

        Parameters outside the drawn paths keep no gradient at all, so the optimiser does not touch them: neither
        momentum nor weight decay.
        """
        self.optimizer.zero_grad(set_to_none=True)
        self.announce(draws)
        students = [partial(self._student, draw) for draw in draws]
        losses = self.objective(students, views)
        total = torch.zeros((), device=runtime.device)
        while True:
            with runtime.autocast():
                loss = next(losses, None)
            if loss is None:
                return total / len(draws)
            runtime.backward(loss)
            total = total + loss.detach()

    def _student(self, draw: Draw, features: Tensor) -> Tensor:
        return self.forward(features, *draw.arguments)

    def step(self, epoch: float, *, runtime: Runtime) -> None:
        """Update the parameters that have a gradient, at the learning rate after `epoch` epochs."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(epoch)
        runtime.step(self.optimizer)
