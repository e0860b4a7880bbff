"""A network of the user's own as a teacher: registered with timm under a name that tells what it computes.

The stages of a run build a teacher by its name, so a module gets one, and its weights go into a file beside the run. A run
with such a teacher can only be continued by a program that gives the module again.
"""

import copy
from collections.abc import Callable
from typing import Any

import timm
from torch import Tensor, nn

from helixnas.api.module_digest import digest_of_module
from helixnas.errors import TeacherError
from helixnas.zoo.creation import GIVEN_PREFIX

__all__ = ["register_module"]  # timm's registry wants one

_MODULES: dict[str, nn.Module] = {}


def register_module(module: nn.Module) -> str:
    """Make a network known to timm and return its name: its class and a digest of its layers and its code.

    timm then builds copies of it, whatever the number of classes, on the CPU and in float32. A network of the same name
    replaces an earlier one. Of a network in DataParallel or torch.compile, the network itself is taken. Raises `TeacherError`
    if it cannot be copied.
    """
    module = _bare(module)
    try:
        twin = copy.deepcopy(module).cpu().float().eval()
    except Exception as error:
        raise TeacherError(f"the teacher {type(module).__name__} cannot be copied: {error}") from error
    name = f"{GIVEN_PREFIX}{type(module).__name__.lower()}_{digest_of_module(twin)}"
    _MODULES[name] = twin  # the last one given, whose weights may be others
    if not timm.is_model(name):
        timm.models.register_model(_builder(name))
    return name


def given_weights(name: str) -> dict[str, Tensor]:
    """Return the weights of a registered network as they are in its copies: on the CPU, in float32."""
    return _MODULES[name].state_dict()


def precisions_of(module: nn.Module) -> tuple[str, ...]:
    """Return the types of a network's floating-point weights.

    >>> precisions_of(nn.Linear(2, 3).bfloat16())
    ('bfloat16',)
    """
    found = {str(each.dtype).removeprefix("torch.") for each in module.parameters() if each.is_floating_point()}
    return tuple(sorted(found))


def _bare(module: nn.Module) -> nn.Module:
    """Return the network inside the wrappers of torch.compile and of data parallelism."""
    while True:
        if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
            inner = module.module
        else:
            inner = getattr(module, "_orig_mod", None)  # of torch.compile
        if not isinstance(inner, nn.Module):
            return module
        module = inner


def _builder(name: str) -> Callable[..., nn.Module]:
    def build(pretrained: bool = False, **others: Any) -> nn.Module:
        return copy.deepcopy(_MODULES[name])

    build.__name__ = name
    return build
