"""Boundaries of a teacher: the modules whose outputs are Y_1 .. Y_N.

The default is the last module at each cumulative stride of the space's blocks. If two blocks share a stride, the recipe
must name the modules; the error lists the candidates.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from helixnas.errors import TeacherError, UnknownNameError
from helixnas.teacher.layout import layout_of
from helixnas.teacher.trace import Recorder, run_blank

MAX_LISTED = 24


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A module whose output, a feature map of `channels` x `size`, can be a boundary."""

    name: str
    stride: int
    """Image size relative to that of the feature map."""

    channels: int
    size: tuple[int, int]

    def __str__(self) -> str:
        return f"{self.name} ({self.channels} channels, {self.size[0]} x {self.size[1]})"


def default_boundaries(
    model: nn.Module, strides: Sequence[int], input_size: tuple[int, int], *, in_chans: int = 3
) -> tuple[str, ...]:
    """Return the last module at each cumulative stride (the stem's included) of the space's blocks.

    A timm model lists the last module of each stage in its ``feature_info``; the modules of any other network are
    observed during a forward pass of a blank image. Raises `TeacherError` if a stride has no module, or two blocks
    share a stride; the message lists the candidates.

    >>> pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    >>> default_boundaries(pool, (2, 4), (8, 8))
    ('1', '2')
    """
    last = _declared(model) or {each.stride: each.name for each in cut_candidates(model, input_size, in_chans=in_chans)}
    shared = [stride for stride, number in Counter(strides).items() if number > 1]
    missing = [stride for stride in strides if stride not in last]
    if missing:
        listed = "; ".join(f"stride {stride}: {name}" for stride, name in last.items()) or "none"
        raise TeacherError(
            f"the teacher has no module at stride {missing[0]} (the blocks have strides {list(strides)}); it has {listed}"
        )
    if shared:
        listed = _listing(model, strides, cut_candidates(model, input_size, in_chans=in_chans), last)
        raise TeacherError(
            f"blocks at strides {list(strides)} share stride {shared[0]}, so the boundaries are ambiguous; "
            f"name one module per block in teacher.boundaries, from: {listed}"
        )
    return tuple(last[stride] for stride in strides)


def cut_candidates(model: nn.Module, input_size: tuple[int, int], *, in_chans: int = 3) -> list[Candidate]:
    """Return every module that can be a boundary, because it returns one feature map, in the order of the forward pass.

    >>> [str(each) for each in cut_candidates(nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), (8, 6))]
    ['0 (3 channels, 4 x 3)']
    """
    found: dict[str, Candidate | None] = {}

    def note(name: str, output: Any) -> None:
        found[name] = None if name in found else _candidate(model, name, output, input_size)

    run_blank(model, [name for name, _ in model.named_modules() if name], note, (in_chans, *input_size))
    return [candidate for candidate in found.values() if candidate is not None]


def record_boundaries(model: nn.Module, boundaries: Sequence[str], shape: tuple[int, int, int]) -> tuple[Recorder, Any]:
    """Return the outputs of the boundary modules and of the network for a blank image of `shape`.

    Raises:
        UnknownNameError: a module does not exist; the message lists the nearest names.
        TeacherError: a module does not run exactly once, or the order is not that of the forward pass.
    """
    known = [name for name, _ in model.named_modules() if name]
    for name in boundaries:
        if name not in known:
            raise UnknownNameError("module of the teacher", name, known)
    if not boundaries:
        raise TeacherError("a teacher needs at least one boundary; name the modules whose outputs are Y_1 .. Y_N")
    recorder = Recorder()
    output = run_blank(model, list(dict.fromkeys(boundaries)), recorder, shape)
    for name in boundaries:
        runs = recorder.runs.get(name, 0)
        if runs != 1:
            times = "does not run in" if runs == 0 else f"runs {runs} times in"
            raise TeacherError(f"module {name!r} {times} the teacher's forward pass; a boundary must run exactly once")
    if list(recorder.outputs) != list(boundaries):
        raise TeacherError(
            f"teacher.boundaries must be distinct and in the order of the forward pass: {', '.join(recorder.outputs)}; "
            f"not {', '.join(boundaries)}"
        )
    return recorder, output


def _declared(model: nn.Module) -> dict[int, str]:
    """Return the last module at each stride from timm's ``feature_info``, empty if there is none."""
    info: Any = getattr(model, "feature_info", None)
    known = dict(model.named_modules())
    if not isinstance(info, list) or not all(part.get("module") in known for part in info):
        return {}
    return {int(part["reduction"]): str(part["module"]) for part in info}


def _candidate(model: nn.Module, name: str, output: Any, input_size: tuple[int, int]) -> Candidate | None:
    try:
        features = layout_of(model, name, output, input_size).to_nchw(output)
    except TeacherError:
        return None
    size = (int(features.shape[2]), int(features.shape[3]))
    stride = _stride(input_size, size)
    if stride is None:
        return None
    return Candidate(name=name, stride=stride, channels=int(features.shape[1]), size=size)


def _stride(image: tuple[int, int], size: tuple[int, int]) -> int | None:
    """Return the stride, a power of two if rounding allows it; None if it is not a whole number."""
    for stride in (1, 2, 4, 8, 16, 32, 64):
        if all(side in (-(-whole // stride), whole // stride) for whole, side in zip(image, size, strict=True)):
            return stride
    stride = image[0] // max(1, size[0])
    return stride if stride and (size[0] * stride, size[1] * stride) == image else None


def _listing(model: nn.Module, strides: Sequence[int], candidates: list[Candidate], last: dict[int, str]) -> str:
    """Return the candidates of every stride: the outermost modules of which there are enough."""
    parts: list[str] = []
    names = [each.name for each in candidates]
    for stride, number in Counter(strides).items():
        until = names.index(last[stride]) + 1 if last[stride] in names else len(names)
        at_stride = [each for each in candidates[:until] if each.stride == stride]
        here = [each for each in at_stride if each.name == last[stride] or each.name[-1].isdecimal()]
        chosen = here
        for depth in range(max((each.name.count(".") for each in here), default=0)):
            coarse = [each for each in here if each.name.count(".") <= depth or each.name == last[stride]]
            if len(coarse) >= number:
                chosen = coarse
                break
        parts.append(f"stride {stride}: {', '.join(map(str, chosen[:MAX_LISTED]))}")
    return "; ".join(parts)
