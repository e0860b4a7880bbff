"""InheritConfig, RetrainConfig and FinetuneConfig: how the chosen architecture and finished models are trained."""

from dataclasses import field, replace
from typing import Annotated, Literal

from helixnas.data.config import AUGMENTATIONS
from helixnas.engine.config import FitConfig
from helixnas.settings import Ge, Gt, Le, Lt, OneOf, Unit, settings


@settings("retrain.inherit")
class InheritConfig:
    """How a network that starts from the supernet's weights is fine-tuned."""

    num_images: Annotated[int, Ge(2), Unit("images")] = 2048
    """Training images, not augmented, to recalibrate batch norm on (all, if there are fewer)."""

    batch_size: Annotated[int, Ge(2), Unit("images")] = 128
    """Images per batch of the recalibration."""

    head_epochs: Annotated[int, Ge(1), Unit("epochs")] = 2
    """Epochs that train the new head alone, on the frozen features."""

    head_lr: Annotated[float, Gt(0)] = 0.002
    """Peak learning rate of the head (AdamW)."""

    share_of_epochs: Annotated[float, Gt(0)] = 0.5
    """Epochs of fine-tuning, as a fraction of retrain.fit.num_epochs."""

    share_of_lr: Annotated[float, Gt(0)] = 1.0
    """Learning rate of fine-tuning, as a fraction of retrain.fit.lr."""

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


@settings("retrain")
class RetrainConfig:
    """How the chosen networks are trained."""

    fit: FitConfig = field(default_factory=FitConfig)
    """Training of the whole network."""

    drop_rate: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Dropout before the classifier."""

    drop_path_rate: Annotated[float, Ge(0), Lt(1)] = 0.0
    """Stochastic depth as in timm's EfficientNet: layer l of L, counted from 0, is dropped with l / L of this rate."""

    augmentation: Annotated[str, OneOf(("", *AUGMENTATIONS))] = ""
    """Augmentation of the training images, as data.augmentation; empty for that of the distillation."""

    teach: Literal["none", "soft", "hard"] = "none"
    """Learn from the run's teacher as well as from the labels: from its probabilities (soft), from the class it predicts
    (hard), or not at all (none)."""

    teach_share: Annotated[float, Gt(0), Le(1)] = 0.5
    """Weight of the teacher's term in the loss; the labels' term has the rest."""

    temperature: Annotated[float, Gt(0)] = 1.0
    """Divisor of the logits before the softmax, with teach=soft."""

    init: Literal["scratch", "inherited"] = "scratch"
    """Initial weights: random (scratch), or the supernet's (inherited)."""

    inherit: InheritConfig = field(default_factory=InheritConfig)
    """Fine-tuning of a network that inherits its weights."""


@settings("")
class FinetuneConfig:
    """How a finished model is fine-tuned on other images."""

    fit: FitConfig = field(default_factory=FitConfig)
    """Training of the whole network."""

    image_size: Annotated[int, Ge(0), Le(4096), Unit("pixels")] = 0
    """Image height and width; 0 for the model's."""

    augmentation: Annotated[str, OneOf(AUGMENTATIONS)] = "flip-crop"
    """Augmentation of the training images, as data.augmentation."""
