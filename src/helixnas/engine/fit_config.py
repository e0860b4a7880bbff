"""How a classifier is trained: plain values, checked where they are given."""

from dataclasses import dataclass
from typing import Literal

from timm.optim import list_optimizers

from helixnas.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How a classifier is trained."""

    num_epochs: int = 30
    """Passes over the training images."""

    batch_size: int = 128
    """Images per step."""

    microbatch_size: int = 0
    """Images at a time through the network, a divisor of `batch_size`: gradients are accumulated over them, so a large
    batch fits any machine (batch norm sees the part). 0 for the whole batch."""

    optimizer: str = "adamw"
    """Name of one of timm's optimisers: sgd, adamw, rmsproptf, lamb, ..."""

    lr: float = 0.002
    """Peak learning rate."""

    weight_decay: float = 0.05
    """Weight decay, on matrices and kernels only (not on biases and norms)."""

    momentum: float = 0.9
    """Momentum, for the optimisers that have one."""

    eps: float = 0.0
    """What the optimiser adds to the divisor; 0 leaves its own (for rmsproptf EfficientNet has 0.001)."""

    schedule: Literal["cosine", "step"] = "cosine"
    """After the warm-up the learning rate falls along a cosine, or by a factor every few epochs (step)."""

    warmup_epochs: float = 1.0
    """Epochs over which the learning rate rises to its peak."""

    final_lr: float = 0.0
    """For cosine: the learning rate at the end."""

    decay_rate: float = 0.97
    """For step: the factor."""

    decay_epochs: float = 2.4
    """For step: epochs from one factor to the next."""

    label_smoothing: float = 0.0
    """Share of the target spread over the other classes."""

    mixup: float = 0.0
    """Alpha of Mixup: batches and their targets are blended with their mirror image; 0 for none."""

    cutmix: float = 0.0
    """Alpha of CutMix: a rectangle is taken from the mirrored batch; 0 for none. With `mixup`, either by chance."""

    clip_grad: float = 0.0
    """Largest norm of the gradient; 0 leaves it as it is."""

    ema_decay: float = 0.0
    """Share that an average of the weights keeps of itself in a step, less in the first steps; 0 for no average."""

    def __post_init__(self) -> None:
        for name in ("num_epochs", "batch_size"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, not {getattr(self, name)}")
        if not 0 < self.lr < float("inf"):
            raise ConfigError(f"lr must be above 0, not {self.lr}")
        for name in ("label_smoothing", "ema_decay"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if self.schedule not in ("cosine", "step"):
            raise ConfigError(f"schedule must be cosine or step, not {self.schedule!r}")
        if not 0 < self.decay_rate <= 1 or not self.decay_epochs > 0:
            raise ConfigError(
                f"decay_rate must be above 0 and at most 1 and decay_epochs above 0, not {self.decay_rate} and "
                f"{self.decay_epochs}"
            )
        for name in ("weight_decay", "warmup_epochs", "clip_grad", "momentum", "eps", "mixup", "cutmix", "final_lr"):
            if not getattr(self, name) >= 0:
                raise ConfigError(f"{name} must not be negative, not {getattr(self, name)}")
        if self.optimizer not in list_optimizers():
            raise UnknownNameError("optimizer", self.optimizer, map(str, list_optimizers()))
        self._check_parts()

    def _check_parts(self) -> None:
        """Raise `ConfigError` where a batch cannot be divided, or its parts cannot be mixed, as asked."""
        part, whole = self.microbatch_size, self.batch_size
        if part < 0 or (part and whole % part):
            nearest = next(size for size in range(min(max(part, 1), whole), 0, -1) if whole % size == 0)
            raise ConfigError(
                f"microbatch_size must divide batch_size ({whole:,}) or be 0, not {part:,}; {nearest:,} would do"
            )
        if (self.mixup or self.cutmix) and (part or whole) % 2:
            name = "microbatch_size" if part else "batch_size"
            raise ConfigError(
                f"mixup and cutmix pair the images of a batch, so {name} must be even, not {part or whole}"
            )

    @property
    def num_parts(self) -> int:
        """Parts that a batch goes through the network in."""
        return self.batch_size // self.microbatch_size if self.microbatch_size else 1
