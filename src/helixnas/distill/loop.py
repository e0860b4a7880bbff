"""Block-wise distillation (Eq. 3): per batch one teacher pass, then one step of every training unit of every block.

The loop yields a record per step; the caller logs, saves and stops. Its state can be saved between two steps, and a
resumed loop gives the same result, bit for bit. Blocks share nothing but the teacher's features, so a block whose loss
is no longer finite stops alone, and the others continue.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

import torch
from torch import Tensor

from helixnas.distill.config import DistillConfig
from helixnas.distill.features import FeatureSource
from helixnas.distill.sampling import Draw
from helixnas.distill.unit import TrainingUnit
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import NonFiniteLossError

ADVICE = "try a lower distill.lr or runtime.precision=fp32"
"""Ends every message about a loss that is not finite."""


@dataclass(frozen=True)
class StepRecord:
    """Losses of one step: the number of steps done, this one included, and its epoch, from 0."""

    step: int
    epoch: int
    losses: Mapping[tuple[int, int], float]
    """Mean loss of a drawn path per (block, unit) of the blocks that still train; a unit is a cell by default. Empty where
    a batch was only rated."""

    num_images: int


@dataclass(eq=False)
class Distillation:
    """The loop: in every step one batch, its features, and an update of every unit.

    `failures` hold, per block that stopped because a loss was not finite, a clause that says where.
    """

    source: FeatureSource
    units: Sequence[TrainingUnit]
    _: KW_ONLY
    config: DistillConfig
    runtime: Runtime

    def __post_init__(self) -> None:
        self.steps_per_epoch = self.source.steps_per_epoch
        self.num_steps = max(1, round(self.config.stop_at * self.steps_per_epoch * self.config.num_epochs))
        self.step = 0
        self.failures: dict[int, str] = {}

    def __iter__(self) -> Iterator[StepRecord]:
        """Yield a record per step until all epochs, or the fraction `config.stop_at` of them, are done.

        Raises:
            NonFiniteLossError: at the end, or once no block is left: a loss was not finite; the message names block,
                step, path and batch.
            OutOfMemoryError: the batch does not fit.
        """
        for views in self.source.batches(self.step, self.num_steps):
            with explain_out_of_memory("distill.batch_size", self.config.batch_size):
                losses = self._train_on(views)
            if not losses:
                raise self._failure()
            self.step += 1
            yield StepRecord(self.step, (self.step - 1) // self.steps_per_epoch, losses, len(views[0]))
        if self.failures:
            raise self._failure()

    def _train_on(self, views: tuple[Tensor, ...]) -> dict[tuple[int, int], float]:
        features = self.source.features(views)
        units = [unit for unit in self.units if unit.block not in self.failures]
        draws = [unit.draw(self.step) for unit in units]
        losses = [
            unit.accumulate(features, drawn, runtime=self.runtime) for unit, drawn in zip(units, draws, strict=True)
        ]
        values: list[float] = torch.stack(losses).tolist()  # the only wait for the device in a step
        for unit, drawn, value in zip(units, draws, values, strict=True):
            if not math.isfinite(value):
                where = describe_failure(unit, drawn, value, step=self.step, steps_per_epoch=self.steps_per_epoch)
                self.failures.setdefault(unit.block, where)
        trained = [(unit, value) for unit, value in zip(units, values, strict=True) if unit.block not in self.failures]
        for unit, _ in trained:
            unit.step(self.step / self.steps_per_epoch, runtime=self.runtime)
        self.runtime.end_step()
        return {(unit.block, unit.index): value for unit, value in trained}

    def _failure(self) -> NonFiniteLossError:
        others = any(unit.block not in self.failures for unit in self.units)
        kept = "; the other blocks are trained to their end and kept" if others else ""
        return NonFiniteLossError(f"{'; '.join(self.failures.values())}{kept}; {ADVICE}")

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume after the last step."""
        return {
            "step": self.step,
            "failures": dict(self.failures),
            "modules": [unit.module.state_dict() for unit in self.units],
            "optimizers": [unit.optimizer.state_dict() for unit in self.units],
            "runtime": self.runtime.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.step = state["step"]
        self.failures = dict(state["failures"])
        for unit, module, optimizer in zip(self.units, state["modules"], state["optimizers"], strict=True):
            unit.module.load_state_dict(module)
            unit.optimizer.load_state_dict(optimizer)
        self.runtime.restore(state["runtime"])


def describe_failure(
    unit: TrainingUnit, draws: Sequence[Draw], value: float, *, step: int, steps_per_epoch: int, training: str = ""
) -> str:
    """Return a clause that names block, step, batch and path of a loss that is not finite; `step` counts from 0."""
    texts = " and ".join(draw.path.text for draw in draws)
    return (
        f"the loss of block {unit.block} is {value} in step {step + 1}{training} (batch {step % steps_per_epoch + 1} of "
        f"epoch {step // steps_per_epoch + 1}, path {texts})"
    )
