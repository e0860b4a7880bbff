"""Block-wise distillation (Eq. 3, 6): per batch one teacher pass, then one step of every cell of every block.

The loop yields a record per step; whoever runs it logs, saves and stops. Its state can be saved between two steps and
taken up again with the same result, bit for bit. Blocks share nothing but the teacher's features, so one whose loss is
no longer finite stops alone, and the others go on to their end.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from helixnas.data import ImageSet
from helixnas.distill.config import DistillConfig
from helixnas.distill.job import CellJob
from helixnas.distill.sampling import Draw
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import ConfigError, NonFiniteLossError
from helixnas.supernet import Supernet
from helixnas.teacher import Teacher


@dataclass(frozen=True)
class StepRecord:
    """What one step did."""

    step: int
    """Steps done, this one included."""

    epoch: int
    """Number of the epoch, from 0."""

    losses: Mapping[tuple[int, int], float]
    """Mean squared error per (block, cell) of the blocks that still train; empty where a batch was only rated."""

    num_images: int
    """Images in the batch."""


def training_batches(
    images: ImageSet, config: DistillConfig, *, seed: int, steps: tuple[int, int]
) -> Iterator[tuple[int, Tensor]]:
    """Yield the number of the epoch and the images of every step from the first of `steps` until before the second."""
    step, end = steps
    while step < end:
        epoch, skip = divmod(step, steps_per_epoch(images, config))
        for batch in images.batches(
            batch_size=config.batch_size, seed=seed, epoch=epoch, augment=True, shuffle=True, skip=skip, drop_last=True
        ):
            yield epoch, batch.images
            step += 1
            if step == end:
                break


def steps_per_epoch(images: ImageSet, config: DistillConfig) -> int:
    """Return the full batches of an epoch; raises `ConfigError` where there are fewer images than one holds."""
    number = images.num_batches(config.batch_size, drop_last=True)
    if not number:
        raise ConfigError(
            f"distill.batch_size is {config.batch_size}, but there are only {len(images)} training images; "
            f"choose at most {len(images)}"
        )
    return number


class Distillation:
    """The jobs of all cells of the chosen blocks, side by side.

    Attributes:
        failures: per block that stopped because a loss was not finite, a clause that says where.

    Args:
        teacher: frozen; gives Y_0 .. Y_N.
        supernet: trained in place.
        images: training images.
        config: how to train.
        runtime: device and precision.
        seed: decides order, augmentation and draws.
        blocks: numbers of the blocks to train; the others are left alone.

    Raises:
        ConfigError: there are fewer images than one batch holds.
    """

    def __init__(
        self,
        teacher: Teacher,
        supernet: Supernet,
        images: ImageSet,
        *,
        config: DistillConfig,
        runtime: Runtime,
        seed: int,
        blocks: Iterable[int] | None = None,
    ) -> None:
        self.teacher = teacher
        self.images = images
        self.config = config
        self.runtime = runtime
        self.seed = seed
        chosen = {block.number for block in supernet} if blocks is None else set(blocks)
        self.jobs = [
            CellJob(cell, block=block.number, index=i, previous_widths=block.previous_widths, config=config, seed=seed)
            for block in supernet
            if block.number in chosen
            for i, cell in enumerate(block)
        ]
        self.steps_per_epoch = steps_per_epoch(images, config)
        self.num_steps = max(1, round(config.stop_at * self.steps_per_epoch * config.num_epochs))
        self.step = 0
        self.failures: dict[int, str] = {}

    def __iter__(self) -> Iterator[StepRecord]:
        """Yield a record per step until all epochs are done, or the share of them that is asked for.

        Raises:
            NonFiniteLossError: at the end, or once no block is left: a loss was not finite; the message names block,
                step, path and batch.
            OutOfMemoryError: the batch does not fit.
        """
        for epoch, images in training_batches(
            self.images, self.config, seed=self.seed, steps=(self.step, self.num_steps)
        ):
            with explain_out_of_memory("distill.batch_size", self.config.batch_size):
                losses = self._train_on(self.runtime.images(images))
            if not losses:
                raise self._failure()
            self.step += 1
            yield StepRecord(self.step, epoch, losses, len(images))
        if self.failures:
            raise self._failure()

    def _train_on(self, images: Tensor) -> dict[tuple[int, int], float]:
        with torch.no_grad(), self.runtime.autocast():
            features = self.teacher.features(images)
        jobs = [job for job in self.jobs if job.block not in self.failures]
        draws = [job.draw(self.step) for job in jobs]
        losses = [
            job.accumulate(
                features[job.block - 1],
                features[job.block],
                drawn,
                autocast=self.runtime.autocast,
                backward=self.runtime.backward,
            )
            for job, drawn in zip(jobs, draws, strict=True)
        ]
        values: list[float] = torch.stack(losses).tolist()  # the only wait for the device in a step
        for job, drawn, value in zip(jobs, draws, values, strict=True):
            if not -float("inf") < value < float("inf"):
                self.failures.setdefault(job.block, self._where(value, job, drawn))
        trained = [(job, value) for job, value in zip(jobs, values, strict=True) if job.block not in self.failures]
        for job, _ in trained:
            job.step(self.step / self.steps_per_epoch, update=self.runtime.step)
        self.runtime.end_step()
        return {(job.block, job.index): value for job, value in trained}

    def _where(self, value: float, job: CellJob, draws: tuple[Draw, ...]) -> str:
        texts = " and ".join(draw.path.text for draw in draws)
        return (
            f"the loss of block {job.block} is {value} in step {self.step + 1} (batch "
            f"{self.step % self.steps_per_epoch + 1} of epoch {self.step // self.steps_per_epoch + 1}, path {texts})"
        )

    def _failure(self) -> NonFiniteLossError:
        others = any(job.block not in self.failures for job in self.jobs)
        kept = "; the other blocks are trained to their end and kept" if others else ""
        advice = "try a lower distill.lr or runtime.precision=fp32"
        return NonFiniteLossError(f"{'; '.join(self.failures.values())}{kept}; {advice}")

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on after the last step."""
        return {
            "step": self.step,
            "failures": dict(self.failures),
            "modules": [job.module.state_dict() for job in self.jobs],
            "optimizers": [job.optimizer.state_dict() for job in self.jobs],
            "runtime": self.runtime.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state` returned for the same settings."""
        self.step = state["step"]
        self.failures = dict(state["failures"])
        for job, module, optimizer in zip(self.jobs, state["modules"], state["optimizers"], strict=True):
            job.module.load_state_dict(module)
            job.optimizer.load_state_dict(optimizer)
        self.runtime.restore(state["runtime"])
