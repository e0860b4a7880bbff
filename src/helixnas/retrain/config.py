"""How the chosen architecture is trained: from scratch, or from what it inherits."""

from dataclasses import dataclass, field, replace
from typing import Literal

from helixnas.data.config import AUGMENTATIONS
from helixnas.engine import FitConfig
from helixnas.errors import ConfigError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class InheritConfig:
    """How a network that begins with the supernet's weights is fine-tuned."""

    num_images: int = 2048
    """Training images, shown unvaried, that batch norm is recalibrated on (at most as many as there are)."""

    batch_size: int = 128
    """Images per batch of that."""

    head_epochs: int = 2
    """Epochs in which the new head alone is fitted on the frozen features."""

    head_lr: float = 0.002
    """Learning rate of that (AdamW)."""

    share_of_epochs: float = 0.5
    """Epochs of fine-tuning as a share of those from scratch."""

    share_of_lr: float = 1.0
    """Learning rate of fine-tuning as a share of that from scratch."""

    def __post_init__(self) -> None:
        for name in ("num_images", "batch_size"):
            if getattr(self, name) < 2:
                raise ConfigError(f"retrain.inherit.{name} must be at least 2, not {getattr(self, name)}")
        if self.head_epochs < 1:
            raise ConfigError(f"retrain.inherit.head_epochs must be at least 1, not {self.head_epochs}")
        for name in ("head_lr", "share_of_epochs", "share_of_lr"):
            if not 0 < getattr(self, name) < float("inf"):
                raise ConfigError(f"retrain.inherit.{name} must be above 0, not {getattr(self, name)}")

    def head_fit(self, fit: FitConfig) -> FitConfig:
        """Return how the head is fitted where the network is trained as `fit` says."""
        return FitConfig(
            num_epochs=self.head_epochs,
            batch_size=fit.batch_size,
            microbatch_size=fit.microbatch_size,
            lr=self.head_lr,
            warmup_epochs=0.0,
            label_smoothing=fit.label_smoothing,
        )

    def tuning(self, fit: FitConfig) -> FitConfig:
        """Return how the whole network is fine-tuned where it is trained from scratch as `fit` says."""
        return replace(
            fit,
            num_epochs=max(1, round(self.share_of_epochs * fit.num_epochs)),
            warmup_epochs=self.share_of_epochs * fit.warmup_epochs,
            decay_epochs=self.share_of_epochs * fit.decay_epochs,
            lr=self.share_of_lr * fit.lr,
        )


@dataclass(frozen=True, kw_only=True)
class RetrainConfig:
    """Training of a searched network."""

    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""

    drop_rate: float = 0.0
    """Dropout before the classifier."""

    drop_path_rate: float = 0.0
    """Stochastic depth as in timm's EfficientNet: linearly more with depth, layer l of L, from 0, has l / L of it."""

    augmentation: str = ""
    """How its training images are varied, by the names of data.augmentation; empty: as for distillation."""

    teach: Literal["none", "soft", "hard"] = "none"
    """Whether the run's teacher also teaches the whole network: by its probabilities (soft), by the class it chooses
    (hard), or not."""

    teach_share: float = 0.5
    """Share of the teacher in the loss; the labels have the rest."""

    temperature: float = 1.0
    """For soft: by what logits are divided before they become probabilities."""

    init: Literal["scratch", "inherited"] = "scratch"
    """Where the first weights come from: drawn at random, or inherited from the supernet."""

    inherit: InheritConfig = field(default_factory=InheritConfig)
    """How a network that inherits is fine-tuned."""

    def __post_init__(self) -> None:
        for name in ("drop_rate", "drop_path_rate"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"retrain.{name} must be at least 0 and below 1, not {getattr(self, name)}")
        if self.augmentation and self.augmentation not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", self.augmentation, AUGMENTATIONS)
        if self.teach not in ("none", "soft", "hard"):
            raise ConfigError(f"retrain.teach must be none, soft or hard, not {self.teach!r}")
        if not 0 < self.teach_share <= 1:
            raise ConfigError(f"retrain.teach_share must be above 0 and at most 1, not {self.teach_share}")
        if not 0 < self.temperature < float("inf"):
            raise ConfigError(f"retrain.temperature must be above 0, not {self.temperature}")
        if self.init not in ("scratch", "inherited"):
            raise ConfigError(f"retrain.init must be scratch or inherited, not {self.init!r}")
