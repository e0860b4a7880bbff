"""Where a teacher is cut: the modules whose outputs are Y_1 .. Y_N.

By default the last module at each cumulative stride of the space's blocks. Where two blocks share a stride, nothing in
the network says where the first one ends, so a recipe must name the modules; the error lists them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from helixnas.errors import TeacherError, UnknownNameError


@dataclass(frozen=True)
class Candidate:
    """A module at whose output the teacher could be cut."""

    name: str
    stride: int
    channels: int

    def __str__(self) -> str:
        return f"{self.name} (stride {self.stride}, {self.channels} channels)"


def default_boundaries(model: nn.Module, strides: Sequence[int], input_size: tuple[int, int]) -> tuple[str, ...]:
    """Return the last module at each cumulative stride (the stem's included) of the space's blocks.

    Raises:
        TeacherError: no module has one of the strides, or two blocks share one; the message lists the candidates.
    """
    candidates = cut_candidates(model, input_size)
    listed = ", ".join(map(str, candidates)) or "none"
    for stride in strides:
        if list(strides).count(stride) > 1:
            raise TeacherError(
                f"blocks at strides {list(strides)} share stride {stride}, so where to cut is open; name one module per block in "
                f"teacher.boundaries; candidates: {listed}"
            )
    last = {candidate.stride: candidate.name for candidate in candidates}
    missing = [stride for stride in strides if stride not in last]
    if missing:
        raise TeacherError(f"the teacher has no module at stride {missing[0]} (blocks are at {list(strides)}); candidates: {listed}")
    return tuple(last[stride] for stride in strides)


def cut_candidates(model: nn.Module, input_size: tuple[int, int]) -> list[Candidate]:
    """Return the modules a network may be cut at, in forward order: timm's own list of features, else every module."""
    info: Any = getattr(model, "feature_info", None)
    if isinstance(info, list) and info and all("module" in part for part in info):
        return [Candidate(part["module"], int(part["reduction"]), int(part["num_chs"])) for part in info]
    outputs = record_outputs(model, [name for name, _ in model.named_modules() if name], input_size)
    return [
        Candidate(name, input_size[0] // output.shape[2], output.shape[1])
        for name, output in outputs.items()
        if isinstance(output, Tensor) and output.ndim == 4 and output.shape[2] and input_size[0] % output.shape[2] == 0
    ]


def check_boundaries(model: nn.Module, boundaries: Sequence[str], input_size: tuple[int, int]) -> dict[str, Any]:
    """Return the output of every boundary module on a blank image, in the given order.

    Raises:
        UnknownNameError: a module does not exist; the nearest names are listed.
        TeacherError: a module is not run, is run more than once, or the order is not that of the forward pass.
    """
    known = [name for name, _ in model.named_modules() if name]
    for name in boundaries:
        if name not in known:
            raise UnknownNameError("module of the teacher", name, known)
    outputs = record_outputs(model, boundaries, input_size)
    for name in boundaries:
        if name not in outputs:
            raise TeacherError(f"module {name!r} takes no part in the teacher's forward pass, or more than once")
    if list(outputs) != list(boundaries):
        raise TeacherError(
            f"teacher.boundaries must be in forward order without repetition: {', '.join(outputs)}; given: {', '.join(boundaries)}"
        )
    return outputs


def record_outputs(model: nn.Module, names: Sequence[str], input_size: tuple[int, int]) -> dict[str, Any]:
    """Return what the named modules give for a blank image, in the order they finish; those run twice are left out."""
    outputs: dict[str, Any] = {}
    runs: dict[str, int] = {}

    def note(name: str, output: Any) -> None:
        runs[name] = runs.get(name, 0) + 1
        outputs[name] = output

    modules = dict(model.named_modules())
    hooks = [
        modules[name].register_forward_hook(lambda module, inputs, output, name=name: note(name, output))
        for name in dict.fromkeys(names)
    ]
    training = model.training
    parameter = next(model.parameters())
    try:
        model.eval()
        with torch.no_grad():
            model(torch.zeros(2, 3, *input_size, device=parameter.device, dtype=parameter.dtype))
    except (RuntimeError, AssertionError, ValueError) as error:
        detail = " ".join(str(error).split())
        raise TeacherError(f"the teacher cannot take images of {input_size[0]} x {input_size[1]} pixels: {detail[:200]}") from error
    finally:
        model.train(training)
        for hook in hooks:
            hook.remove()
    return {name: output for name, output in outputs.items() if runs[name] == 1}
