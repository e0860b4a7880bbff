"""Fine-tuning a finished model on other images: a new head, then all weights together (Table 3)."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from helixnas.data.config import AUGMENTATIONS
from helixnas.engine import FitConfig
from helixnas.errors import ConfigError, UnknownNameError, first_line
from helixnas.nn import build_seeded


@dataclass(frozen=True, kw_only=True)
class FinetuneConfig:
    """How a model is fine-tuned on other images."""

    fit: FitConfig = field(default_factory=FitConfig)
    """The training loop."""

    image_size: int = 0
    """Side of the images in pixels; 0 for the model's."""

    augmentation: str = "flip-crop"
    """How training images are varied, by the names of data.augmentation."""

    def __post_init__(self) -> None:
        if not 0 <= self.image_size <= 4096:
            raise ConfigError(f"image_size must be 0 (the model's) to 4096 pixels, not {self.image_size}")
        if self.augmentation not in AUGMENTATIONS:
            raise UnknownNameError("augmentation", self.augmentation, AUGMENTATIONS)


def with_new_head(model: nn.Module, *, num_classes: int, image_size: int, name: str, seed: int) -> nn.Module:
    """Replace a model's classifier, and check that the model accepts images of this size.

    Args:
        model: a timm model; changed in place.
        num_classes: outputs of the new classifier.
        image_size: side of the images in pixels.
        name: name of the model, for messages.
        seed: decides the initial weights of the classifier.

    Raises:
        ConfigError: the model has no classifier to replace, or does not accept images of this size.
    """
    target: Any = model
    if not callable(getattr(target, "reset_classifier", None)):
        raise ConfigError(
            f"the classifier of {name} cannot be replaced: it has no reset_classifier, as timm models have"
        )

    def reset() -> nn.Module:
        target.reset_classifier(num_classes)
        return target

    build_seeded(reset, (seed,))
    try:
        with torch.no_grad():
            logits = target.eval()(torch.zeros(1, 3, image_size, image_size))
    except Exception as error:  # the model's own code can raise anything
        raise ConfigError(
            f"{name} does not accept images of {image_size} pixels: {first_line(error)}; choose another --image-size"
        ) from error
    assert logits.shape == (1, num_classes)
    return target
