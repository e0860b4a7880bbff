"""Training and evaluating a classifier: an ordinary loop around timm's optimisers and schedules.

The loop yields a record per step; whoever runs it logs, saves and stops. Its state can be saved between two steps and
taken up again with the same result, bit for bit.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from timm.optim import create_optimizer_v2, list_optimizers
from timm.scheduler.cosine_lr import CosineLRScheduler
from timm.scheduler.scheduler import Scheduler
from timm.scheduler.step_lr import StepLRScheduler
from torch import Tensor, nn
from torch.optim import Optimizer

from helixnas.engine.runtime import Runtime, explain_out_of_memory
from helixnas.errors import ConfigError, DataError, NonFiniteLossError, UnknownNameError

Normalize = Callable[[Tensor], Tensor]
"""Turns images in [0, 1] into what a model expects."""


@runtime_checkable
class LabelledBatch(Protocol):
    """Images in [0, 1] and the index of each one's class."""

    @property
    def images(self) -> Tensor:
        """Values in [0, 1], (batch, channels, height, width)."""
        ...

    @property
    def labels(self) -> Tensor | None:
        """Class indices, (batch,)."""
        ...


@runtime_checkable
class LabelledImages(Protocol):
    """A set of labelled images that gives the same batches for the same seed and epoch."""

    def __len__(self) -> int: ...

    def num_batches(self, batch_size: int, *, drop_last: bool) -> int:
        """Return the number of batches of one epoch."""
        ...

    def batches(
        self, *, batch_size: int, seed: int, epoch: int, augment: bool, shuffle: bool, skip: int, drop_last: bool
    ) -> Iterator[Any]:
        """Yield the batches of one epoch from number `skip` on."""
        ...


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a classifier is trained."""

    num_epochs: int = 30
    """Passes over the training images."""

    batch_size: int = 128
    """Images per step."""

    optimizer: str = "adamw"
    """Name of one of timm's optimisers: sgd, adamw, rmsproptf, lamb, ..."""

    lr: float = 0.002
    """Peak learning rate."""

    weight_decay: float = 0.05
    """Weight decay, on matrices and kernels only (not on biases and norms)."""

    momentum: float = 0.9
    """Momentum, for the optimisers that have one."""

    schedule: Literal["cosine", "step"] = "cosine"
    """After the warm-up the learning rate falls along a cosine to zero, or by a factor every few epochs (step)."""

    warmup_epochs: float = 1.0
    """Epochs over which the learning rate rises to its peak."""

    decay_rate: float = 0.97
    """For step: the factor."""

    decay_epochs: float = 2.4
    """For step: epochs from one factor to the next."""

    label_smoothing: float = 0.0
    """Share of the target spread over the other classes."""

    clip_grad: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""

    def __post_init__(self) -> None:
        for name in ("num_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.lr < float("inf"):
            raise ConfigError(f"lr must be above 0, not {self.lr}")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError(f"label_smoothing must be at least 0 and below 1, not {self.label_smoothing}")
        if self.schedule not in ("cosine", "step"):
            raise ConfigError(f"schedule must be cosine or step, not {self.schedule!r}")
        if not 0 < self.decay_rate <= 1 or not self.decay_epochs > 0:
            raise ConfigError(
                f"decay_rate must be above 0 and at most 1 and decay_epochs above 0, not {self.decay_rate} and "
                f"{self.decay_epochs}"
            )
        for name in ("weight_decay", "warmup_epochs", "clip_grad", "momentum"):
            if getattr(self, name) < 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")


@dataclass(frozen=True)
class FitRecord:
    """What one step did."""

    step: int
    """Steps done, this one included."""

    epoch: int
    """Number of the epoch, from 0."""

    loss: float
    """Cross-entropy of the batch."""

    lr: float
    """Learning rate of the step."""


class Fit:
    """The training of one classifier.

    Args:
        model: trained in place; logits of normalised images.
        images: labelled training images.
        config: how to train.
        runtime: device and precision.
        normalize: turns images in [0, 1] into the model's input.
        seed: decides order, augmentation and dropout.
        title: what is trained, for messages.

    Raises:
        ConfigError: there are fewer images than one batch holds, or the optimiser does not take its settings.
        UnknownNameError: timm has no optimiser of that name.
    """

    def __init__(
        self,
        model: nn.Module,
        images: LabelledImages,
        *,
        config: FitConfig,
        runtime: Runtime,
        normalize: Normalize,
        seed: int,
        title: str,
    ) -> None:
        self.model = model
        self.images = images
        self.config = config
        self.runtime = runtime
        self.normalize = normalize
        self.seed = seed
        self.title = title
        self.steps_per_epoch = images.num_batches(config.batch_size, drop_last=True)
        if not self.steps_per_epoch:
            raise ConfigError(
                f"the batch_size for training {title} is {config.batch_size}, but there are only {len(images)} images; "
                f"choose at most {len(images)}"
            )
        self.num_steps = self.steps_per_epoch * config.num_epochs
        self.step = 0
        if config.optimizer not in list_optimizers():
            raise UnknownNameError("optimizer", config.optimizer, map(str, list_optimizers()))
        self.optimizer = self._optimizer()
        self.schedule = self._schedule()

    def _optimizer(self) -> Optimizer:
        """Return timm's optimiser; biases and norms are left out of the weight decay."""
        config = self.config
        try:
            return create_optimizer_v2(
                self.model, config.optimizer, lr=config.lr, weight_decay=config.weight_decay, momentum=config.momentum
            )
        except (ValueError, TypeError, ImportError) as error:
            raise ConfigError(
                f"optimizer {config.optimizer!r} cannot be built with lr {config.lr}, weight_decay "
                f"{config.weight_decay} and momentum {config.momentum}: {error}"
            ) from error

    def _schedule(self) -> Scheduler:
        """Return timm's schedule, in steps."""
        config = self.config
        warmup = min(round(config.warmup_epochs * self.steps_per_epoch), self.num_steps - 1)
        start = config.lr / max(1, warmup)
        if config.schedule == "step":
            every = config.decay_epochs * self.steps_per_epoch
            return StepLRScheduler(
                self.optimizer, every, config.decay_rate, warmup_t=warmup, warmup_lr_init=start, t_in_epochs=False
            )
        return CosineLRScheduler(
            self.optimizer, self.num_steps, warmup_t=warmup, warmup_lr_init=start, t_in_epochs=False
        )

    def __iter__(self) -> Iterator[FitRecord]:
        """Yield a record per step until all epochs are done.

        Raises:
            NonFiniteLossError: a loss is not finite.
            OutOfMemoryError: the batch does not fit.
        """
        while self.step < self.num_steps:
            epoch, skip = divmod(self.step, self.steps_per_epoch)
            for batch in self.images.batches(
                batch_size=self.config.batch_size,
                seed=self.seed,
                epoch=epoch,
                augment=True,
                shuffle=True,
                skip=skip,
                drop_last=True,
            ):
                with explain_out_of_memory("batch_size", self.config.batch_size):
                    record = self._train_on(batch.images, batch.labels, epoch)
                yield record

    def _train_on(self, images: Tensor, labels: Tensor | None, epoch: int) -> FitRecord:
        self.model.train()
        self.schedule.step_update(self.step)
        self.optimizer.zero_grad(set_to_none=True)
        with self.runtime.seeded(self.seed, self.step), self.runtime.autocast():
            logits = self.model(self.normalize(self.runtime.images(images)))
            targets = _labels(labels, f"training {self.title}").to(logits.device)
            loss = F.cross_entropy(logits.float(), targets, label_smoothing=self.config.label_smoothing)
        value = loss.item()
        if not -float("inf") < value < float("inf"):
            raise NonFiniteLossError(
                f"the loss of {self.title} is {value} in step {self.step + 1}; try a lower lr than {self.config.lr}"
            )
        self.runtime.backward(loss)
        self.runtime.step(self.optimizer, clip_grad=self.config.clip_grad)
        self.runtime.end_step()
        self.step += 1
        return FitRecord(self.step, epoch, value, float(self.optimizer.param_groups[0]["lr"]))

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on after the last step."""
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "runtime": self.runtime.state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state that `state` returned for the same settings."""
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.runtime.restore(state["runtime"])


@dataclass(frozen=True)
class Evaluation:
    """How well a classifier does on a set of images."""

    accuracy: float
    """Share of images whose class is the one with the largest logit, 0 .. 1."""

    loss: float
    """Mean cross-entropy."""

    num_images: int
    """Images evaluated."""

    top5: float
    """Share of images whose class is among the five with the largest logits, 0 .. 1."""


def evaluate(
    model: nn.Module, images: LabelledImages, *, batch_size: int, runtime: Runtime, normalize: Normalize
) -> Evaluation:
    """Return accuracies and cross-entropy of a model in eval mode over all images."""
    model.eval()
    stream = images.batches(
        batch_size=batch_size, seed=0, epoch=0, augment=False, shuffle=False, skip=0, drop_last=False
    )
    right, among, total, loss = 0, 0, 0, 0.0
    for batch in stream:
        with torch.no_grad(), runtime.autocast(), explain_out_of_memory("batch_size", batch_size):
            logits = model(normalize(runtime.images(batch.images))).float()
        labels = _labels(batch.labels, "the accuracy").to(logits.device)
        right += int((logits.argmax(1) == labels).sum())
        among += int((logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).sum())
        loss += float(F.cross_entropy(logits, labels, reduction="sum"))
        total += len(labels)
    return Evaluation(accuracy=right / total, loss=loss / total, num_images=total, top5=among / total)


def _labels(labels: Tensor | None, purpose: str) -> Tensor:
    if labels is None:
        raise DataError(f"{purpose} needs labels, and the images have none")
    return labels
