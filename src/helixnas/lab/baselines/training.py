"""Training with shared weights: a step is one or more *turns*, each an update of some parameters on a batch of its own.

SPOS and FairNAS take one turn, for the weights. DARTS takes two: the architecture parameters on one half of the training
images, then the weights on the other (first order: neither anticipates the other's update). The loop yields a record per
step; its state can be saved between two steps, and a resumed loop gives the same result, bit for bit.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from helixnas.engine import Runtime, explain_out_of_memory
from helixnas.engine.batches import (
    LabelledBatch,
    LabelledImages,
    Normalize,
    full_batches,
    require_labels,
    training_batches,
)
from helixnas.errors import NonFiniteLossError

Passes = Callable[[int], Sequence[Callable[[Tensor], Tensor]]]
"""From the number of a step to the forward passes it makes, each from normalised images to logits."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Turn:
    """One update of some parameters, those of its optimiser, on images of its own, through its forward passes."""

    images: LabelledImages
    optimizer: Optimizer

    passes: Passes
    """The forward passes; the gradients of their cross-entropies add up."""

    decays: bool = True
    """Whether the learning rate falls along a cosine to 0."""

    clip_grad: float = 0.0
    """Largest norm of the gradient; 0 to disable clipping."""


@dataclass(frozen=True)
class TrainingRecord:
    """One step: the number of steps done, this one included, and the mean cross-entropy of the passes of its last turn."""

    step: int
    loss: float


@dataclass(eq=False)
class Training:
    """Steps of turns over the training images.

    The module holds all trained parameters. Every turn has `batch_size` images in each step; the seed decides order and
    augmentation. Messages call the weights `title`. Raises `ConfigError` if a turn has fewer images than one batch holds.
    """

    module: nn.Module
    turns: Sequence[Turn]
    _: KW_ONLY
    num_epochs: int
    batch_size: int
    runtime: Runtime
    normalize: Normalize
    seed: int
    title: str

    def __post_init__(self) -> None:
        self.rates = [float(turn.optimizer.defaults["lr"]) for turn in self.turns]
        setting = f"the batch_size for training {self.title}"
        self.steps_per_epoch = min(full_batches(turn.images, self.batch_size, setting) for turn in self.turns)
        self.num_steps = self.steps_per_epoch * self.num_epochs
        self.step = 0

    @property
    def images_per_step(self) -> int:
        """Training images that a step shows; one that takes several passes counts once."""
        return self.batch_size * len(self.turns)

    def __iter__(self) -> Iterator[TrainingRecord]:
        """Yield a record per step until all epochs are done.

        Raises:
            NonFiniteLossError: a loss is not finite.
            OutOfMemoryError: the batch does not fit.
        """
        size, seed, start, per_epoch = self.batch_size, self.seed, self.step, self.steps_per_epoch
        streams = [
            training_batches(turn.images, batch_size=size, seed=seed, start=start, per_epoch=per_epoch)
            for turn in self.turns
        ]
        while self.step < self.num_steps:
            loss = 0.0
            for turn, rate, stream in zip(self.turns, self.rates, streams, strict=True):
                with explain_out_of_memory("batch_size", size):
                    loss = self._take(turn, rate, next(stream))
            self.runtime.end_step()
            self.step += 1
            yield TrainingRecord(self.step, loss)

    def _take(self, turn: Turn, rate: float, batch: LabelledBatch) -> float:
        """Update the parameters of a turn and return the mean loss of its passes."""
        for each in self.turns:  # a backward pass leaves gradients on the parameters of the others, too
            each.optimizer.zero_grad(set_to_none=True)
        images = self.normalize(self.runtime.images(batch.images))
        labels = require_labels(batch.labels, f"training {self.title}").to(images.device)
        passes, total = turn.passes(self.step), torch.zeros((), device=images.device)
        for forward in passes:
            with self.runtime.autocast():
                logits = forward(images)
            loss = F.cross_entropy(logits.float(), labels)
            self.runtime.backward(loss)
            total += loss.detach()
        mean = float(total) / len(passes)
        if not math.isfinite(mean):
            raise NonFiniteLossError(
                f"the loss of {self.title} is {mean} in step {self.step + 1}; try a lower learning rate than {rate:g}"
            )
        for group in turn.optimizer.param_groups:
            group["lr"] = rate * cosine(self.step, self.num_steps) if turn.decays else rate
        self.runtime.step(turn.optimizer, clip_grad=turn.clip_grad)
        return mean

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume after the last step."""
        return {
            "step": self.step,
            "module": self.module.state_dict(),
            "optimizers": [turn.optimizer.state_dict() for turn in self.turns],
            "runtime": self.runtime.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.step = state["step"]
        self.module.load_state_dict(state["module"])
        for turn, own in zip(self.turns, state["optimizers"], strict=True):
            turn.optimizer.load_state_dict(own)
        self.runtime.restore(state["runtime"])


def cosine(step: int, num_steps: int) -> float:
    """Return the factor on the initial learning rate after `step` of `num_steps` steps."""
    return (1 + math.cos(math.pi * step / num_steps)) / 2
