"""DistillConfig: how the supernet learns the teacher's features."""

from dataclasses import dataclass
from typing import Literal, get_args

from helixnas.errors import ConfigError, UnknownNameError

Strategy = Literal["concurrent", "progressive-a", "progressive-b"]
Schedule = Literal["decay", "cosine"]
Features = Literal["raw", "standardized"]
Sampling = Literal["uniform", "strict-fair"]


@dataclass(frozen=True, kw_only=True)
class DistillConfig:
    """How the supernet learns the teacher's features (Alg. "DNA", Sec. 4.1)."""

    num_epochs: int = 20
    """Passes over the training images, for every cell; a progressive strategy makes them for each block in turn."""

    batch_size: int = 512
    """Images per step."""

    first_block_lr: float = 0.002
    """Starting learning rate of block 1, which also trains its stem."""

    lr: float = 0.005
    """Starting learning rate of the other blocks."""

    lr_schedule: Schedule = "decay"
    """decay (the paper's): times `lr_decay` after every epoch. cosine: from step to step along half a cosine, to 0 at the
    end of the last epoch."""

    lr_decay: float = 0.9
    """Factor on the learning rate after every epoch; a cosine does without."""

    stop_at: float = 1.0
    """Share of all steps after which training stops, above 0, at most 1: a moment of it, at the learning rates of the
    whole. A longer share goes on from there."""

    weight_decay: float = 0.0
    """L2 penalty, on the parameters of the sampled path only."""

    features: Features = "raw"
    """The teacher's Y_1 .. Y_N as inputs, targets and in scores: as they come (raw, the paper's), or each channel with
    mean 0 and variance 1 over 1,024 training images (standardized)."""

    sampling: Sampling = "uniform"
    """One random path per cell and step (uniform), or paths that cover every operation equally (strict-fair)."""

    optimizer: Literal["adam", "adamw"] = "adam"
    """Adam couples weight decay to the gradient, AdamW does not."""

    strategy: Strategy = "concurrent"
    """concurrent (the method): all blocks at once, on the teacher's features. For comparison (Table 10), one block after
    the other on the student's own: progressive-a trains those before it again, progressive-b keeps them as they are."""

    num_kept: int = 5
    """Of a progressive strategy: how many of the best beginnings of a network are kept after each block, for each width
    that it may give; the next block is trained behind these."""

    def __post_init__(self) -> None:
        if self.strategy not in get_args(Strategy):
            raise UnknownNameError("strategy of distillation", self.strategy, get_args(Strategy))
        if self.features not in get_args(Features):
            raise UnknownNameError("kind of features", self.features, get_args(Features))
        if self.lr_schedule not in get_args(Schedule):
            raise UnknownNameError("schedule of learning rates", self.lr_schedule, get_args(Schedule))
        for name in ("num_epochs", "batch_size", "num_kept"):
            if getattr(self, name) < 1:
                raise ConfigError(f"distill.{name} must be at least 1, not {getattr(self, name)}")
        for name in ("first_block_lr", "lr", "lr_decay"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"distill.{name} must be above 0, not {getattr(self, name)}")
        if not 0 < self.stop_at <= 1:
            raise ConfigError(f"distill.stop_at must be above 0 and at most 1, not {self.stop_at}")
        if self.is_progressive and self.stop_at < 1:
            raise ConfigError(
                f"distill.stop_at={self.stop_at} needs distill.strategy=concurrent: {self.strategy} stopped early has not "
                "begun with its last blocks; give distill.stop_at=1"
            )
        if self.weight_decay < 0:
            raise ConfigError(f"distill.weight_decay must not be negative, not {self.weight_decay}")

    @property
    def is_progressive(self) -> bool:
        """Whether blocks are trained one after the other, on the student's own features."""
        return self.strategy != "concurrent"
