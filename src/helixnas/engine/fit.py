"""Training a classifier with timm's optimisers, schedules, mixup and weight averaging.

The loop yields a record per step; the caller logs, saves and stops. Its state can be saved between two steps, and a
resumed training gives the same result, bit for bit.
"""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import KW_ONLY, dataclass
from itertools import islice
from typing import Any

import torch.nn.functional as F
from timm.data import Mixup
from timm.optim import create_optimizer_v2, list_optimizers
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.multistep_lr import MultiStepLRScheduler
from timm.scheduler.poly_lr import PolyLRScheduler
from timm.scheduler.scheduler import Scheduler
from timm.scheduler.step_lr import StepLRScheduler
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.optim import Optimizer

from helixnas.engine.batches import (
    LabelledBatch,
    LabelledImages,
    Normalize,
    full_batches,
    is_thread_safe,
    require_labels,
    training_batches,
)
from helixnas.engine.config import FitConfig
from helixnas.engine.distributed.parallel import DataParallel, part_of
from helixnas.engine.mixing import mix
from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import ConfigError, NonFiniteLossError, UnknownNameError

Objective = Callable[[Tensor, Tensor, Tensor], Tensor]
"""From logits, their cross-entropy, and the images in [0, 1] to the loss to minimise."""

Criterion = Callable[[nn.Module, Any], Tensor]
"""From the model and a batch to the loss to minimise, for models that are not classifiers."""

POLY_POWER = 0.9
"""Exponent of the poly schedule, as in DeepLab."""

TWO_STEPS = (2 / 3, 8 / 9)
"""Shares of the training after which the schedule two-step falls, as in Detectron2: 60,000 and 80,000 of 90,000 steps."""

_MIXING_STREAM = 4
"""Second word of a seed sequence; makes mixing independent of order and augmentation."""


@dataclass(frozen=True)
class FitRecord:
    """Loss and learning rate of one step: the number of steps done, this one included, and its epoch, from 0."""

    step: int
    epoch: int
    loss: float
    lr: float


@dataclass(eq=False)
class Fit:
    """The training of one classifier, in place; its `average` is that of the weights, if one is kept.

    The model returns the logits of normalised images, per image or per pixel; labels of -100 do not count. The seed decides
    order, augmentation, mixing and dropout; messages name the training by its `title`. The loss is the cross-entropy, or
    what `objective` makes of it; a `criterion` computes another loss from the batch itself.

    Several processes may train together (`parallel`), whose models must have the same weights. Each reads its part of every
    batch; where images of a batch are mixed, the whole batch.

    Raises `ConfigError` if there are fewer images than one batch needs, the processes cannot share a batch equally, or the
    optimiser rejects its settings.
    """

    model: nn.Module
    images: LabelledImages
    _: KW_ONLY
    config: FitConfig
    runtime: Runtime
    normalize: Normalize
    seed: int
    title: str
    objective: Objective | None = None
    criterion: Criterion | None = None
    parallel: DataParallel | None = None

    def __post_init__(self) -> None:
        config, title = self.config, self.title
        if self.parallel is not None:
            self.parallel.check(self.size_of_part, "microbatch_size" if config.microbatch_size else "batch_size")
        self.steps_per_epoch = full_batches(self.images, config.batch_size, f"the batch_size for training {title}")
        self.num_steps = self.steps_per_epoch * config.num_epochs
        self.step = 0
        self.mixup = None
        if config.mixup or config.cutmix:
            self.mixup = Mixup(
                config.mixup,
                config.cutmix,
                label_smoothing=config.label_smoothing,
                num_classes=self.images.num_classes,
            )
        self.optimizer = self._optimizer()
        self.schedule = self._schedule()
        self.average = ModelEmaV3(self.model, decay=config.ema_decay, use_warmup=True) if config.ema_decay else None

    @property
    def size_of_part(self) -> int:
        """Images of one pass: a microbatch, or else the batch; of all processes."""
        return self.config.microbatch_size or self.config.batch_size

    def _optimizer(self) -> Optimizer:
        """Return timm's optimiser, without weight decay on biases and norms."""
        config = self.config
        require_optimizer(config.optimizer)
        chosen: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
        chosen |= {"eps": config.eps} if config.eps else {}
        chosen["momentum"] = config.momentum
        try:
            return create_optimizer_v2(self.model, config.optimizer, **chosen)
        except (ValueError, TypeError, ImportError) as error:
            *first, last = (f"{name} {value}" for name, value in chosen.items())
            with_these = f"{', '.join(first)} and {last}"
            raise ConfigError(f"optimizer {config.optimizer!r} cannot be built with {with_these}: {error}") from error

    def _schedule(self) -> Scheduler:
        """Return timm's schedule, in steps."""
        config = self.config
        steps = min(round(config.warmup_epochs * self.steps_per_epoch), self.num_steps - 1)
        start = config.lr / max(1, steps)
        warmup: dict[str, Any] = {"warmup_t": steps, "warmup_lr_init": start, "t_in_epochs": False}
        if config.schedule == "step":
            every = config.decay_epochs * self.steps_per_epoch
            return StepLRScheduler(self.optimizer, every, config.decay_rate, **warmup)
        if config.schedule == "two-step":
            falls = [round(share * self.num_steps) + 1 for share in TWO_STEPS]  # timm applies them a step before
            return MultiStepLRScheduler(self.optimizer, falls, config.decay_rate, **warmup, warmup_prefix=False)
        if config.schedule == "poly":
            return PolyLRScheduler(self.optimizer, self.num_steps, POLY_POWER, lr_min=config.final_lr, **warmup)
        return CosineLRScheduler(self.optimizer, self.num_steps, lr_min=config.final_lr, **warmup)

    def __iter__(self) -> Iterator[FitRecord]:
        """Yield a record per step until all epochs are done.

        Raises:
            NonFiniteLossError: a loss is not finite.
            OutOfMemoryError: a batch or microbatch does not fit into memory.
        """
        parts, part = self.config.num_parts, self.config.microbatch_size
        name, size = ("microbatch_size", part) if part else ("batch_size", self.config.batch_size)
        start, per_epoch = self.step * parts, self.steps_per_epoch * parts
        part_read = part_of(self.parallel if self.mixup is None else None)
        stream = training_batches(
            self.images, batch_size=size, seed=self.seed, start=start, per_epoch=per_epoch, part=part_read
        )
        stream = self.runtime.ahead(
            islice(stream, self.num_steps * parts - start), thread_safe=is_thread_safe(self.images)
        )
        while self.step < self.num_steps:
            with explain_out_of_memory(name, size):
                record = self._train_on(islice(stream, parts), self.step // self.steps_per_epoch)
            yield record

    def _train_on(self, batches: Iterator[LabelledBatch], epoch: int) -> FitRecord:
        """Take one step on the microbatches of a batch."""
        parts, total, parallel = self.config.num_parts, 0.0, self.parallel
        self.model.train()
        self.schedule.step_update(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        for number, batch in enumerate(batches):
            with nullcontext() if parallel is None else parallel.as_one_batch():
                loss = self._loss(batch, (number,) if parts > 1 else ())
            total += (loss if parallel is None else parallel.average(loss)).item() / parts
            if not -float("inf") < total < float("inf"):
                raise NonFiniteLossError(
                    f"the loss of {self.title} is {total} in step {self.step + 1}; try a lower lr than {self.config.lr}"
                )
            self.runtime.backward(loss / parts if parts > 1 else loss)
        if parallel is not None:
            parallel.average_gradients([self.optimizer])
        self.runtime.step(self.optimizer, clip_grad=self.config.clip_grad)
        self.runtime.end_step()
        self.step += 1
        if self.average is not None:
            self.average.update(self.model, step=self.step)
        return FitRecord(self.step, epoch, total, float(self.optimizer.param_groups[0]["lr"]))

    def _loss(self, batch: LabelledBatch, part: tuple[int, ...]) -> Tensor:
        if self.criterion is not None:
            with self.runtime.seeded(self.seed, self.step, *part), self.runtime.autocast():
                return self.criterion(self.model, batch)
        images = self.runtime.images(batch.images)
        targets = require_labels(batch.labels, f"training {self.title}").to(images.device)
        smoothing = self.config.label_smoothing
        if self.mixup is not None:
            images, targets = mix(self.mixup, images, targets, (self.seed, _MIXING_STREAM, self.step, *part))
            number, count = part_of(self.parallel)
            own = slice(number * len(images) // count, (number + 1) * len(images) // count)
            images, targets = images[own], targets[own]
            smoothing = 0.0  # already in the mixed targets
        with self.runtime.seeded(self.seed, self.step, *part), self.runtime.autocast():
            logits = self.model(self.normalize(images)).float()
            loss = F.cross_entropy(logits, targets, label_smoothing=smoothing)
            return loss if self.objective is None else self.objective(logits, loss, images)

    def state(self) -> dict[str, Any]:
        """Return the state needed to resume after the last step."""
        averaged = {} if self.average is None else {"average": self.average.module.state_dict()}
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "runtime": self.runtime.state(),
            **averaged,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a `state` of the same settings."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.runtime.restore(state["runtime"])
        if self.average is not None:
            self.average.module.load_state_dict(state["average"])


def require_optimizer(name: str) -> None:
    """Raise `UnknownNameError` where timm has no optimizer of this name."""
    known = list(map(str, list_optimizers()))
    if name not in known:
        raise UnknownNameError("optimizer", name, known)
