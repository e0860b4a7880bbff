"""Candidates for the boundaries of a teacher: feature maps on the stream, with their multiply-adds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from helixnas.teacher.cutting.stream import Stream, trace_stream
from helixnas.teacher.layout import Layout
from helixnas.teacher.measure import Measured, Refused, measure
from helixnas.teacher.shortcut import parents


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A module whose output, a feature map of `channels` x `size`, can be a boundary."""

    name: str
    stride: int
    """Image size relative to that of the feature map."""

    channels: int
    size: tuple[int, int]
    layout: Layout
    macs: int = 0
    """Multiply-adds of the network up to this output, for one image."""

    def __str__(self) -> str:
        return f"{self.name} ({self.channels} channels, {self.size[0]} x {self.size[1]})"


def cut_candidates(model: nn.Module, input_size: tuple[int, int], *, in_chans: int = 3) -> list[Candidate]:
    """Return every place where a network can be cut, in the order of the forward pass.

    These are the outputs of blocks through which alone the prediction depends on the image, and that are one feature map
    per image. A module that returns several maps, such as branches at several strides, occurs once for each.

    >>> [str(each) for each in cut_candidates(nn.Sequential(nn.MaxPool2d(2), nn.Flatten()), (8, 6))]
    ['0 (3 channels, 4 x 3)']
    """
    return stream_candidates(model, trace_stream(model, input_size, in_chans=in_chans), input_size, in_chans=in_chans)


def stream_candidates(
    model: nn.Module, stream: Stream, input_size: tuple[int, int], *, in_chans: int
) -> list[Candidate]:
    """Return the candidates of a traced network, up to the last of timm's stages where it names these."""
    stages = {stream.same.get(name): name for _, name in declared_stages(model)}
    names = [stages.get(name) or name for name in stream.macs]
    macs = dict(zip(names, stream.macs.values(), strict=True))
    ends = [number for number, name in enumerate(names, start=1) if name in stages.values()]
    measured = measure(model, names[: max(ends, default=len(names))], input_size, in_chans=in_chans)
    found = candidates_of(measured, input_size, macs)
    larger = [each for each in found if max(each.size) > 1]
    return found if ends or not larger else larger  # without known stages, single pixels are what a head pools


def all_candidates(model: nn.Module, input_size: tuple[int, int], *, in_chans: int) -> list[Candidate]:
    """Return every module whose output is a feature map, inner branches too."""
    names = [name for name, _ in model.named_modules() if name]
    return candidates_of(measure(model, names, input_size, in_chans=in_chans), input_size, {})


def candidates_of(
    measured: Mapping[str, Measured | Refused], input_size: tuple[int, int], macs: Mapping[str, int]
) -> list[Candidate]:
    """Return the feature maps among measured outputs, in their order."""
    found: list[Candidate] = []
    for name, verdict in measured.items():
        if isinstance(verdict, Measured):
            maps = (verdict, *(other for other in verdict.others if max(other.size) > 1))  # not a class token
            strides = ((each, _stride(input_size, each.size)) for each in maps)
            found += [
                candidate(name, each, stride, macs.get(name, 0)) for each, stride in strides if stride is not None
            ]
    return found


def candidate(name: str, measured: Measured, stride: int, macs: int = 0) -> Candidate:
    """Return the candidate of a measured feature map of a module."""
    channels, size, layout = measured.channels, measured.size, measured.layout
    return Candidate(name=name, stride=stride, channels=channels, size=size, layout=layout, macs=macs)


def last_at_each_stride(candidates: Sequence[Candidate]) -> dict[int, Candidate]:
    """Return the last module at each stride before the first at a larger one, not from inside of a downsampling block."""
    strides = {each.name: each.stride for each in candidates}
    last: dict[int, Candidate] = {}
    end = len(candidates)
    whole = {
        each.name
        for each in candidates
        if {strides.get(name, each.stride) for name in parents(each.name)} <= {each.stride}
    }
    for stride in sorted({each.stride for each in candidates}, reverse=True):
        here = [each for each in candidates[:end] if each.stride == stride]
        here = [each for each in here if each.name in whole] or here
        taken = {each.name for each in last.values()}  # a module with several branches is cut once
        here = [each for each in here if each.name not in taken] or here
        if here:
            last[stride] = here[-1]
            end = candidates.index(here[0])
    return dict(sorted(last.items()))


def declared_stages(model: nn.Module) -> list[tuple[int, str]]:
    """Return stride and name of the stages' last modules from timm's ``feature_info``; none if it does not name modules."""
    info: Any = getattr(model, "feature_info", None)
    known = dict(model.named_modules())
    if not isinstance(info, list) or not all(part.get("module") in known for part in info):
        return []
    found = [(int(part["reduction"]), str(part["module"])) for part in info]
    return found if len({name for _, name in found}) == len(found) else []


def _stride(image: tuple[int, int], size: tuple[int, int]) -> int | None:
    """Return the stride, a power of two if rounding allows it; None if it is not a whole number."""
    for stride in (1, 2, 4, 8, 16, 32, 64):
        if all(side in (-(-whole // stride), whole // stride) for whole, side in zip(image, size, strict=True)):
            return stride
    stride = image[0] // max(1, size[0])
    return stride if stride and (size[0] * stride, size[1] * stride) == image else None
