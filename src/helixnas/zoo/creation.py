"""Creating any timm model by name, those of HelixNAS included."""

from collections.abc import Mapping
from typing import Any

import timm
from torch import nn

from helixnas.errors import ConfigError, HelixError, UnknownNameError, on_one_line

GIVEN_PREFIX = "given_"
"""Begins the name of a network that a program registered as a teacher (`helixnas.api`)."""

PREFIXES = ("hf-hub:", "hf_hub:", "local-dir:")
"""Prefixes of models outside timm's registry."""


def create_model(
    name: str, arguments: Mapping[str, Any], *, title: str, error: type[HelixError], hint: str = ""
) -> Any:
    """Call `timm.create_model` and turn any failure into one sentence.

    In messages, `title` names the model, such as ``the teacher 'resnet18'``, and `hint` follows if pretrained weights were
    wanted.

    Raises:
        UnknownNameError: timm has no such model; the message lists the nearest names.
        HelixError: of the class `error`, if the model or its weights cannot be loaded.
    """
    require_known_model(name)
    try:
        model = timm.create_model(name, **arguments)
    except HelixError:
        raise
    except Exception as failure:  # timm, the hub and the model's own code raise anything
        advice = f"; {hint}" if hint and arguments.get("pretrained") else ""
        raise error(f"{title} cannot be built: {on_one_line(failure)}{advice}") from failure
    if arguments.get("pretrained") and (tensor := _not_finite(model)):
        raise error(f"the pretrained weights of {title} hold NaN or infinite values in {tensor}")
    return model


def _not_finite(model: nn.Module) -> str:
    """Return the name of the first parameter or running average that is not finite, or an empty text."""
    averages = ((name, each) for name, each in model.named_buffers() if "running_" in name)
    tensors = (*model.named_parameters(), *averages)
    return next((name for name, tensor in tensors if not bool(tensor.isfinite().all())), "")


def require_known_model(name: str) -> None:
    """Raise `UnknownNameError`, with the nearest names, unless timm knows the model; `ConfigError` if a program knew it."""
    if name.startswith(GIVEN_PREFIX) and not timm.is_model(name):
        raise ConfigError(
            f"the teacher {name} was given to search_architecture by a program; call it again with the same network to go on"
        )
    if not timm.is_model(name.partition(".")[0]) and not name.startswith(PREFIXES):
        raise UnknownNameError("timm model", name, timm.list_models())
