"""Boundaries of a teacher: the modules whose outputs are Y_1 .. Y_N.

The default is the last module at each cumulative stride of the space's blocks, or equal shares of a network of a single
stride. If two blocks share one of several strides, the recipe must name the modules; the error lists the candidates.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from helixnas.errors import TeacherError, UnknownNameError
from helixnas.teacher.layout import Layout
from helixnas.teacher.measure import Measured, Refused, measure
from helixnas.teacher.shortcut import parents
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

    A timm model lists the last module of each stage in its ``feature_info``. If one of those cannot be a boundary, and
    for any other network, all modules are measured. A network whose blocks all have one stride (a ViT) is cut into equal
    shares of its blocks. Raises `TeacherError` if a stride has no module, or two blocks share one of several strides; the
    message lists the candidates.

    >>> pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    >>> default_boundaries(pool, (2, 4), (8, 8))
    ('1', '2')
    """
    return tuple(default_cut(model, strides, input_size, in_chans=in_chans))


def default_cut(
    model: nn.Module, strides: Sequence[int], input_size: tuple[int, int], *, in_chans: int = 3
) -> dict[str, Layout]:
    """Return the default boundaries with their measured layouts; see `default_boundaries`."""
    declared = _declared(model)
    asked = [name for stride, name in declared if stride in strides]
    measured = measure(model, asked, input_size, in_chans=in_chans) if asked else {}
    refused = next((found.reason for found in measured.values() if isinstance(found, Refused)), "")
    last, blocks = dict(declared), [name for _, name in declared]
    if refused or not declared:
        measured = measure_all(model, input_size, in_chans=in_chans)
        candidates = _candidates(measured, input_size)
        last, blocks = _last_at_each_stride(candidates), _siblings(candidates, strides[0], len(strides))
    shared = [stride for stride, number in Counter(strides).items() if number > 1]
    missing = [stride for stride in strides if stride not in last]
    if missing:
        listed = "; ".join(f"stride {stride}: {name}" for stride, name in last.items()) or "none"
        raise TeacherError(
            f"the teacher has no module at stride {missing[0]} (the blocks have strides {list(strides)}); it has {listed}"
            + (f" ({refused})" if refused else "")
        )
    chosen = [last[stride] for stride in strides]
    if shared:
        one_stride = len({stride for stride, _ in declared}) == 1 or not declared or bool(refused)
        if len(set(strides)) > 1 or not one_stride or len(blocks) < len(strides):
            listed = _listing(model, strides, cut_candidates(model, input_size, in_chans=in_chans), last)
            raise TeacherError(
                f"blocks at strides {list(strides)} share stride {shared[0]}, so the boundaries are ambiguous; "
                f"name one module per block in teacher.boundaries, from: {listed}"
            )
        chosen = [blocks[len(blocks) * number // len(strides) - 1] for number in range(1, len(strides) + 1)]
    found = {name: measured[name] for name in chosen}
    return {name: each.layout for name, each in found.items() if isinstance(each, Measured)}


def cut_candidates(model: nn.Module, input_size: tuple[int, int], *, in_chans: int = 3) -> list[Candidate]:
    """Return every module that can be a boundary, because it returns one feature map, in the order of the forward pass.

    >>> [str(each) for each in cut_candidates(nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), (8, 6))]
    ['0 (3 channels, 4 x 3)']
    """
    return _candidates(measure_all(model, input_size, in_chans=in_chans), input_size)


def measure_all(
    model: nn.Module, input_size: tuple[int, int], *, in_chans: int = 3
) -> Mapping[str, Measured | Refused]:
    """Return what the output of every module is; see `measure`."""
    return measure(model, [name for name, _ in model.named_modules() if name], input_size, in_chans=in_chans)


def require_modules(model: nn.Module, boundaries: Sequence[str]) -> None:
    """Raise `UnknownNameError` with the nearest names if a boundary is no module, `TeacherError` if there is none."""
    known = [name for name, _ in model.named_modules() if name]
    for name in boundaries:
        if name not in known:
            raise UnknownNameError("module of the teacher", name, known)
    if not boundaries:
        raise TeacherError("a teacher needs at least one boundary; name the modules whose outputs are Y_1 .. Y_N")


def record_boundaries(model: nn.Module, boundaries: Sequence[str], shape: tuple[int, int, int]) -> tuple[Recorder, Any]:
    """Return the outputs of the boundary modules and of the network for a blank image of `shape`.

    Raises:
        UnknownNameError: a module does not exist; the message lists the nearest names.
        TeacherError: a module does not run exactly once, or the order is not that of the forward pass.
    """
    require_modules(model, boundaries)
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


def _declared(model: nn.Module) -> list[tuple[int, str]]:
    """Return stride and name of the stages' last modules from timm's ``feature_info``; none if it does not name modules."""
    info: Any = getattr(model, "feature_info", None)
    known = dict(model.named_modules())
    if not isinstance(info, list) or not all(part.get("module") in known for part in info):
        return []
    found = [(int(part["reduction"]), str(part["module"])) for part in info]
    return found if len({name for _, name in found}) == len(found) else []


def _candidates(measured: Mapping[str, Measured | Refused], input_size: tuple[int, int]) -> list[Candidate]:
    found: list[Candidate] = []
    for name, each in measured.items():
        stride = _stride(input_size, each.size) if isinstance(each, Measured) else None
        if isinstance(each, Measured) and stride is not None:
            found.append(Candidate(name=name, stride=stride, channels=each.channels, size=each.size))
    return found


def _last_at_each_stride(candidates: Sequence[Candidate]) -> dict[int, str]:
    """Return the last module at each stride before the first at a larger one, not from inside of a downsampling block."""
    strides = {each.name: each.stride for each in candidates}
    last: dict[int, str] = {}
    end = len(candidates)
    whole = {
        each.name
        for each in candidates
        if {strides.get(name, each.stride) for name in parents(each.name)} <= {each.stride}
    }
    for stride in sorted(set(strides.values()), reverse=True):
        here = [each for each in candidates[:end] if each.stride == stride]
        here = [each for each in here if each.name in whole] or here
        if here:
            last[stride] = here[-1].name
            end = candidates.index(here[0])
    return dict(sorted(last.items()))


def _siblings(candidates: Sequence[Candidate], stride: int, number: int) -> list[str]:
    """Return the outermost numbered modules with one parent, at least `number`, if they all have the stride."""
    groups: dict[str, list[Candidate]] = {}
    for each in candidates:
        if each.name[-1].isdecimal():
            groups.setdefault(each.name.rstrip("0123456789"), []).append(each)
    large = [group for group in groups.values() if len(group) >= number]
    outermost = min(large, key=lambda group: (group[0].name.count("."), -len(group)), default=[])
    return [each.name for each in outermost] if all(each.stride == stride for each in outermost) else []


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
