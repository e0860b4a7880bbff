"""A network of the user's own as a teacher: registered with timm under a name that tells what it computes.

The stages of a run build a teacher by its name, so a module gets one, and its weights go into a file beside the run. A run
with such a teacher can only be continued by a program that gives the module again.
"""

import copy
from collections.abc import Callable
from typing import Any

import timm
from torch import nn

from helixnas.api.module_digest import digest_of_module
from helixnas.errors import TeacherError
from helixnas.zoo.creation import GIVEN_PREFIX

__all__ = ["register_module"]  # timm's registry wants one

_MODULES: dict[str, nn.Module] = {}


def register_module(module: nn.Module) -> str:
    """Make a network known to timm and return its name: its class and a digest of its layers and its code.

    timm then builds copies of it, whatever the number of classes, on the CPU. A network of the same name replaces an earlier
    one. Raises `TeacherError` if it cannot be copied.
    """
    try:
        twin = copy.deepcopy(module).cpu().eval()
    except Exception as error:
        raise TeacherError(f"the teacher {type(module).__name__} cannot be copied: {error}") from error
    name = f"{GIVEN_PREFIX}{type(module).__name__.lower()}_{digest_of_module(twin)}"
    _MODULES[name] = twin  # the last one given, whose weights may be others
    if not timm.is_model(name):
        timm.models.register_model(_builder(name))
    return name


def _builder(name: str) -> Callable[..., nn.Module]:
    def build(pretrained: bool = False, **others: Any) -> nn.Module:
        return copy.deepcopy(_MODULES[name])

    build.__name__ = name
    return build
