"""Block-wise distillation (Eq. 3): per batch one teacher pass, then one step of every training unit of every block.

The loop yields a record per step; the caller logs, saves and stops. Its state can be saved between two steps, and a
resumed loop gives the same result, bit for bit. Blocks share nothing but the teacher's features, so a block whose loss
is no longer finite stops alone, and the others continue. A teacher that learns needs all its blocks, so with one the first
failure of a block ends the training.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.distill.config import DistillConfig
from helixnas.distill.features import FeatureSource
from helixnas.distill.sampling import Draw
from helixnas.distill.unit import TrainingUnit
from helixnas.engine.distributed.parallel import DataParallel
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import CollapseError, NonFiniteLossError

ADVICE = "try a lower distill.lr or runtime.precision=fp32"
"""Ends every message about a loss that is not finite."""

COLLAPSE_ADVICE = (
    "try a larger distill.batch_size, distill.vicreg.lambda_3 (spread) or lambda_2 (effective rank), or a lower learning "
    "rate; lower limits of distill.collapse let the training go on"
)
"""Ends every message about embeddings that collapsed."""


@dataclass(frozen=True)
class StepRecord:
    """Losses of one step: the number of steps done, this one included, and its epoch, from 0."""

    step: int
    epoch: int
    losses: Mapping[tuple[int, int], float]
    """Mean loss of a drawn path per (block, unit) of the blocks that still train; a unit is a cell by default. Empty where
    a batch was only rated."""

    num_images: int
    signs: Mapping[str, float] = field(default_factory=dict[str, float])
    """Signs of collapse, such as ``block 1 teacher spread``, in the steps in which units look for them."""


@dataclass(eq=False)
class Distillation:
    """The loop: in every step one batch, its features, and an update of every unit.

    `failures` hold, per block that stopped because a loss was not finite or its embeddings collapsed, a clause that says
    where; `collapsed` the blocks of the second kind, and `signs` the last signs of every unit that looks for them.
    """

    source: FeatureSource
    units: Sequence[TrainingUnit]
    _: KW_ONLY
    config: DistillConfig
    runtime: Runtime
    learner: nn.Module | None = None
    """A teacher that the units train beside their own modules, saved with them."""
    parallel: DataParallel | None = None
    """The processes that train together, each on its part of every batch, which is all that `source` gives; None for this one
    alone."""

    def __post_init__(self) -> None:
        if self.parallel is not None:
            self.parallel.check(self.config.batch_size, "distill.batch_size")
        self.steps_per_epoch = self.source.steps_per_epoch
        self.num_steps = max(1, round(self.config.stop_at * self.steps_per_epoch * self.config.num_epochs))
        self.step = 0
        self.failures: dict[int, str] = {}
        self.collapsed: set[int] = set()
        self.signs: dict[str, float] = {}

    def __iter__(self) -> Iterator[StepRecord]:
        """Yield a record per step until all epochs, or the fraction `config.stop_at` of them, are done.

        Raises:
            NonFiniteLossError, CollapseError: a loss was not finite, or embeddings collapsed; the message names block and
                step. Raised at the end or once no block is left, and at once where a `learner` trains too.
            OutOfMemoryError: the batch does not fit.
        """
        for views in self.source.batches(self.step, self.num_steps):
            if all(unit.block in self.failures for unit in self.units):
                raise self._failure()
            with explain_out_of_memory("distill.batch_size", self.config.batch_size):
                losses = self._train_on(views)
            if not losses or self._must_stop:
                raise self._failure()
            self.step += 1
            signs = self._look()
            if self._must_stop:
                raise self._failure()
            num_images = len(views[0]) * (1 if self.parallel is None else self.parallel.size)
            yield StepRecord(self.step, (self.step - 1) // self.steps_per_epoch, losses, num_images, signs)
        if self.failures:
            raise self._failure()

    def _train_on(self, views: tuple[Tensor, ...]) -> dict[tuple[int, int], float]:
        parallel = self.parallel
        units = [unit for unit in self.units if unit.block not in self.failures]
        draws = [unit.draw(self.step) for unit in units]
        with nullcontext() if parallel is None else parallel.as_one_batch():
            features = self.source.features(views)
            losses = [
                unit.accumulate(features, drawn, runtime=self.runtime) for unit, drawn in zip(units, draws, strict=True)
            ]
        means = torch.stack(losses) if parallel is None else parallel.average(torch.stack(losses))
        values: list[float] = means.tolist()  # the only wait for the device in a step
        for unit, drawn, value in zip(units, draws, values, strict=True):
            if not math.isfinite(value):
                where = describe_failure(unit, drawn, value, step=self.step, steps_per_epoch=self.steps_per_epoch)
                self.failures.setdefault(unit.block, where)
        trained = [(unit, value) for unit, value in zip(units, values, strict=True) if unit.block not in self.failures]
        if parallel is not None:
            parallel.average_gradients(unit.optimizer for unit, _ in trained)
        for unit, _ in trained:
            unit.step(self.step / self.steps_per_epoch, runtime=self.runtime)
        self.runtime.end_step()
        return {(unit.block, unit.index): value for unit, value in trained}

    def _look(self) -> dict[str, float]:
        """Return what the units that still train find in their embeddings; a block that collapsed stops."""
        found: dict[str, float] = {}
        for unit in self.units:
            if unit.watch is not None and unit.block not in self.failures:
                health = unit.watch(self.step, self.step == self.num_steps)
                found |= health.signs
                if health.failure:
                    self.failures[unit.block] = health.failure
                    self.collapsed.add(unit.block)
        self.signs |= found
        return found

    @property
    def _must_stop(self) -> bool:
        """Whether the failure of a block ends the training of all."""
        return bool(self.failures) and self.learner is not None

    def _failure(self) -> NonFiniteLossError | CollapseError:
        kept = ""
        if self.learner is not None:
            kept = "; training stops, because a teacher that learns needs all its blocks"
        elif any(unit.block not in self.failures for unit in self.units):
            kept = "; the other blocks are trained to their end and kept"
        text = f"{'; '.join(self.failures.values())}{kept}"
        if self.failures.keys() <= self.collapsed:
            return CollapseError(f"{text}; {COLLAPSE_ADVICE}")
        return NonFiniteLossError(f"{text}; {ADVICE}")

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume after the last step."""
        return {
            "step": self.step,
            "failures": dict(self.failures),
            "collapsed": sorted(self.collapsed),
            "signs": dict(self.signs),
            "modules": [unit.module.state_dict() for unit in self.units],
            "optimizers": [unit.optimizer.state_dict() for unit in self.units],
            "runtime": self.runtime.state(),
            **({} if self.learner is None else {"learner": self.learner.state_dict()}),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.step = state["step"]
        self.failures = dict(state["failures"])
        self.collapsed = set(state.get("collapsed", ()))
        self.signs = dict(state.get("signs", {}))
        for unit, module, optimizer in zip(self.units, state["modules"], state["optimizers"], strict=True):
            unit.module.load_state_dict(module)
            unit.optimizer.load_state_dict(optimizer)
        if self.learner is not None:
            self.learner.load_state_dict(state["learner"])
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
