"""Fine-tuning a finished model on other images: a new head, then all weights together (Table 3)."""

from typing import Any

import torch
from torch import nn

from helixnas.errors import ConfigError, first_line
from helixnas.nn import build_seeded


def with_new_head(model: nn.Module, *, num_classes: int, image_size: int, name: str, seed: int) -> nn.Module:
    """Replace the classifier of a timm model in place, and check that the model accepts images of this size.

    Messages call the model `name`; the seed decides the initial weights of the classifier. Raises `ConfigError` if the
    model has no classifier to replace, or does not accept images of this size.
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
