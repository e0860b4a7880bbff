"""One cell's training: its weights, its optimiser, its draws. Cells share nothing but the teacher's features."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from operator import methodcaller
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.optim import Optimizer

from helixnas.distill.config import DistillConfig
from helixnas.distill.loss import feature_loss
from helixnas.distill.sampling import Draw, draw_paths
from helixnas.supernet import SupernetCell


class CellJob:
    """Trains one cell; the same for the same seed, whichever cells train beside it."""

    def __init__(
        self,
        module: SupernetCell,
        *,
        block: int,
        index: int,
        previous_widths: tuple[int, ...],
        config: DistillConfig,
        seed: int,
    ) -> None:
        self.module = module
        self.block = block
        self.index = index
        self.previous_widths = previous_widths
        self.config = config
        self.seed = seed
        kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
        self.optimizer = kind(module.parameters(), lr=self.lr(0.0), weight_decay=config.weight_decay, fused=True)

    def lr(self, epoch: float) -> float:
        """Return the learning rate after so many epochs, the begun one as a share."""
        start = self.config.first_block_lr if self.block == 1 else self.config.lr
        if self.config.lr_schedule == "cosine":
            return start * (1 + math.cos(math.pi * epoch / self.config.num_epochs)) / 2
        return start * self.config.lr_decay ** math.floor(epoch)

    def draw(self, step: int, *, previous_width: int | None = None) -> tuple[Draw, ...]:
        """Return the paths that this cell trains in step `step`, fed from that width, or from any of its own."""
        return draw_paths(
            self.module.cell,
            self.previous_widths if previous_width is None else (previous_width,),
            sampling=self.config.sampling,
            seed=self.seed,
            block=self.block,
            index=self.index,
            step=step,
        )

    def accumulate(
        self,
        features: Float[Tensor, "batch channels_in height_in width_in"],
        target: Float[Tensor, "batch channels_out height_out width_out"],
        draws: tuple[Draw, ...],
        *,
        autocast: Callable[[], AbstractContextManager[Any]],
        backward: Callable[[Tensor], None],
    ) -> Float[Tensor, ""]:
        """Set the gradients of the drawn paths (summed) and return the mean of their losses.

        Parameters outside the drawn paths keep no gradient at all, so the optimiser does not touch them: neither
        momentum nor weight decay.
        """
        self.optimizer.zero_grad(set_to_none=True)
        total = torch.zeros((), device=target.device)
        for draw in draws:
            with autocast():
                prediction = self.module(features, draw.path, draw.previous_width)
                loss = feature_loss(prediction, target)
            backward(loss)
            total = total + loss.detach()
        return total / len(draws)

    def step(self, epoch: float, *, update: Callable[[Optimizer], object] = methodcaller("step")) -> None:
        """Update the parameters that have a gradient, at the learning rate after `epoch` epochs."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr(epoch)
        update(self.optimizer)
