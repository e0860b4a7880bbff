"""Where a teacher is cut: the modules whose outputs are Y_1 .. Y_N.

By default the last module at each cumulative stride of the space's blocks. Where two blocks share a stride, nothing in
the network says where the first one ends, so a recipe must name the modules; the error lists them.
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
"""How many candidates of one stride an error lists."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A module at whose output the teacher could be cut."""

    name: str
    """The module's name, as a recipe writes it."""

    stride: int
    """By how much the image has shrunk there."""

    channels: int
    """Channels of the feature map."""

    size: tuple[int, int]
    """Height and width of the feature map."""

    def __str__(self) -> str:
        return f"{self.name} ({self.channels} channels, {self.size[0]} x {self.size[1]})"


def default_boundaries(
    model: nn.Module, strides: Sequence[int], input_size: tuple[int, int], *, in_chans: int = 3
) -> tuple[str, ...]:
    """Return the last module at each cumulative stride (the stem's included) of the space's blocks.

    A timm model says itself which module ends a stage (its ``feature_info``); of any other network the modules are
    watched while a blank image passes.

    Raises:
        TeacherError: no module has one of the strides, or two blocks share one; the message lists the candidates.

    >>> pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    >>> default_boundaries(pool, (2, 4), (8, 8))
    ('1', '2')
    """
    last = _declared(model) or {each.stride: each.name for each in cut_candidates(model, input_size, in_chans=in_chans)}
    shared = [stride for stride, number in Counter(strides).items() if number > 1]
    missing = [stride for stride in strides if stride not in last]
    if missing:
        listed = "; ".join(f"stride {stride}: {name}" for stride, name in last.items()) or "none at all"
        raise TeacherError(
            f"the teacher has no module at stride {missing[0]} (blocks are at {list(strides)}); it has {listed}"
        )
    if shared:
        listed = _listing(model, strides, cut_candidates(model, input_size, in_chans=in_chans), last)
        raise TeacherError(
            f"blocks at strides {list(strides)} share stride {shared[0]}, so where to cut is open; "
            f"name one module per block in teacher.boundaries, out of: {listed}"
        )
    return tuple(last[stride] for stride in strides)


def cut_candidates(model: nn.Module, input_size: tuple[int, int], *, in_chans: int = 3) -> list[Candidate]:
    """Return every module that a network could be cut at, in the order they finish: those that give a feature map once.

    >>> [str(each) for each in cut_candidates(nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), (8, 6))]
    ['0 (3 channels, 4 x 3)']
    """
    found: dict[str, Candidate | None] = {}

    def note(name: str, output: Any) -> None:
        candidate = _candidate(model, name, output, (in_chans, *input_size))
        found[name] = None if name in found else candidate

    run_blank(model, [name for name, _ in model.named_modules() if name], note, (in_chans, *input_size))
    return [candidate for candidate in found.values() if candidate is not None]


def record_boundaries(model: nn.Module, boundaries: Sequence[str], shape: tuple[int, int, int]) -> tuple[Recorder, Any]:
    """Return what every boundary module gives for a blank image of `shape`, and the network's output.

    Raises:
        UnknownNameError: a module does not exist; the nearest names are listed.
        TeacherError: a module is not run, is run more than once, or the order is not that of the forward pass.
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
            times = "takes no part in" if runs == 0 else f"runs {runs} times in"
            raise TeacherError(f"module {name!r} {times} the teacher's forward pass; a boundary must run exactly once")
    if list(recorder.outputs) != list(boundaries):
        raise TeacherError(
            f"teacher.boundaries must follow the forward pass, each once: {', '.join(recorder.outputs)}; "
            f"given: {', '.join(boundaries)}"
        )
    return recorder, output


def _declared(model: nn.Module) -> dict[int, str]:
    """Return the last module at each stride by timm's own list of features, empty where there is none."""
    info: Any = getattr(model, "feature_info", None)
    known = dict(model.named_modules())
    if not isinstance(info, list) or not all(part.get("module") in known for part in info):
        return {}
    return {int(part["reduction"]): str(part["module"]) for part in info}


def _candidate(model: nn.Module, name: str, output: Any, shape: tuple[int, int, int]) -> Candidate | None:
    try:
        features = layout_of(model, name, output, shape[1:]).to_nchw(output)
    except TeacherError:
        return None
    size = (int(features.shape[2]), int(features.shape[3]))
    stride = _stride(shape[1:], size)
    if stride is None:
        return None
    return Candidate(name=name, stride=stride, channels=int(features.shape[1]), size=size)


def _stride(image: tuple[int, int], size: tuple[int, int]) -> int | None:
    """Return by how much the image shrank, a power of two where rounding allows; None where it is no whole number."""
    for stride in (1, 2, 4, 8, 16, 32, 64):
        if all(side in (-(-whole // stride), whole // stride) for whole, side in zip(image, size, strict=True)):
            return stride
    stride = image[0] // max(1, size[0])
    return stride if stride and (size[0] * stride, size[1] * stride) == image else None


def _listing(model: nn.Module, strides: Sequence[int], candidates: list[Candidate], last: dict[int, str]) -> str:
    """Return, per stride, the modules that could end its blocks: as coarse ones as there are enough of."""
    parts: list[str] = []
    names = [each.name for each in candidates]
    for stride, number in Counter(strides).items():
        until = names.index(last[stride]) + 1 if last[stride] in names else len(names)
        here = [
            each
            for each in candidates[:until]
            if each.stride == stride and (each.name == last[stride] or each.name[-1].isdecimal())
        ]
        chosen = here
        for depth in range(max((each.name.count(".") for each in here), default=0)):
            coarse = [each for each in here if each.name.count(".") <= depth or each.name == last[stride]]
            if len(coarse) >= number:
                chosen = coarse
                break
        parts.append(f"stride {stride}: {', '.join(map(str, chosen[:MAX_LISTED]))}")
    return "; ".join(parts)
