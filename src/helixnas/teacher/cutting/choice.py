"""Where a teacher is cut if a recipe does not say: at the strides of the student's blocks, else at equal shares of its work.

A block alone at its stride gets the teacher's last module there. Blocks that share a stride share the teacher's
multiply-adds up to there equally, and blocks of a student of a single stride those of the whole teacher. No boundary but
the last may be coarser than the student's grid, because nothing is upsampled (`helixnas.nn.bridge`).
"""

from collections.abc import Sequence
from itertools import groupby

from torch import nn

from helixnas.errors import TeacherError
from helixnas.space.grids import grid_of, whole_ratio
from helixnas.teacher.cutting.candidates import (
    Candidate,
    all_candidates,
    candidate,
    declared_stages,
    last_at_each_stride,
    stream_candidates,
)
from helixnas.teacher.cutting.shares import Cut, equal_shares
from helixnas.teacher.cutting.stream import trace_stream
from helixnas.teacher.measure import Measured, Refused, measure

BESIDE = "; information also flows beside it"
"""Ends the reason of a cut that is not on the stream."""

Grid = tuple[int, int]


def default_boundaries(
    model: nn.Module, strides: Sequence[int], input_size: Grid, *, in_chans: int = 3
) -> tuple[str, ...]:
    """Return the names of the default boundaries for blocks of these total strides; see `default_cut`.

    >>> pool = nn.Sequential(nn.MaxPool2d(2), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
    >>> default_boundaries(pool, (2, 4), (8, 8))
    ('1', '2')
    """
    return tuple(cut.boundary.name for cut in default_cut(model, strides, input_size, in_chans=in_chans))


def default_cut(model: nn.Module, strides: Sequence[int], input_size: Grid, *, in_chans: int = 3) -> tuple[Cut, ...]:
    """Return the default cut of a teacher for blocks of these total strides (the stem's included), with reasons.

    Modules beside which information flows are taken only where strides decide and no other module has them. Raises
    `TeacherError` if the teacher has too few places to be cut at, or is too coarse for the blocks.
    """
    stream = trace_stream(model, input_size, in_chans=in_chans)
    distinct = len(set(strides)) == len(strides)
    stages = _declared(model, input_size, in_chans=in_chans) if distinct else {}
    if stages.keys() >= set(strides) and all(stages[stride].name in stream.same for stride in strides):
        return _by_stride(stages, strides)
    candidates = stream_candidates(model, stream, input_size, in_chans=in_chans)
    at_stride = _anchors(model, candidates)
    if distinct and not _fits(at_stride, strides):
        if _fits(stages, strides):
            return _by_stride(stages, strides, passed=stream.passed)
        inner = last_at_each_stride(all_candidates(model, input_size, in_chans=in_chans))
        if _fits(inner, strides):
            return _by_stride(inner, strides, passed=stream.passed)
    if not candidates:
        raise TeacherError("the teacher has no module whose output is a feature map, so it cannot be cut into blocks")
    if len(set(strides)) == 1 < len(strides):
        return _of_one_stride(candidates, strides, input_size)
    return _of_several_strides(candidates, at_stride, strides, input_size)


def _declared(model: nn.Module, input_size: Grid, *, in_chans: int) -> dict[int, Candidate]:
    """Return the last modules of timm's stages by their stride; none if one of them cannot be a boundary."""
    stages = declared_stages(model)
    measured = measure(model, [name for _, name in stages], input_size, in_chans=in_chans) if stages else {}
    if any(isinstance(verdict, Refused) for verdict in measured.values()):
        return {}
    known = {name: verdict for name, verdict in measured.items() if isinstance(verdict, Measured)}
    return {stride: candidate(name, known[name], stride) for stride, name in stages}


def _anchors(model: nn.Module, candidates: Sequence[Candidate]) -> dict[int, Candidate]:
    """Return the last candidate at each stride; that of timm's stage where the stage is on the stream."""
    known = {(each.stride, each.name): each for each in candidates}
    last = last_at_each_stride(candidates)
    for stage in declared_stages(model):
        elsewhere = [each.name for stride, each in last.items() if stride != stage[0]]
        if stage in known and stage[1] not in elsewhere:  # a module with several branches is cut once
            last[stage[0]] = known[stage]
    return dict(sorted(last.items()))


def _fits(at_stride: dict[int, Candidate], strides: Sequence[int]) -> bool:
    names = [at_stride[stride].name for stride in strides if stride in at_stride]
    return len(set(names)) == len(strides)


def _by_stride(
    at_stride: dict[int, Candidate], strides: Sequence[int], *, passed: frozenset[str] = frozenset()
) -> tuple[Cut, ...]:
    found = [at_stride[stride] for stride in strides]
    return tuple(
        Cut(each, f"the last at stride {stride}{BESIDE if each.name in passed else ''}")
        for each, stride in zip(found, strides, strict=True)
    )


def _of_one_stride(candidates: Sequence[Candidate], strides: Sequence[int], input_size: Grid) -> tuple[Cut, ...]:
    """Cut the whole teacher into equal shares for blocks that all have one stride."""
    grid = grid_of(input_size, strides[0])
    if not any(whole_ratio(each.size, grid) for each in candidates):
        raise _no_grid(candidates, grid, strides[0], 1)
    end = [each for each in candidates if whole_ratio(each.size, grid) or whole_ratio(grid, each.size)][-1]
    inner = equal_shares(candidates, [grid] * (len(strides) - 1), start=None, end=end, whole=True)
    return (*inner, Cut(end, "the last place to cut"))


def _of_several_strides(
    candidates: Sequence[Candidate], at_stride: dict[int, Candidate], strides: Sequence[int], input_size: Grid
) -> tuple[Cut, ...]:
    """Cut the teacher at the blocks' strides, as far as it has them, and at equal shares between these cuts."""
    ends = [_end(at_stride, strides, number, input_size) for number in range(1, len(strides) + 1)]
    cuts: list[Cut] = []
    start: Candidate | None = None
    for _, group in groupby(enumerate(ends), key=lambda numbered: numbered[1].boundary):
        numbers = [number for number, _ in group]
        grids = [grid_of(input_size, strides[number]) for number in numbers[:-1]]
        last = ends[numbers[-1]]
        cuts += [*equal_shares(candidates, grids, start=start, end=last.boundary), last]
        start = last.boundary
    return tuple(cuts)


def _end(at_stride: dict[int, Candidate], strides: Sequence[int], number: int, input_size: Grid) -> Cut:
    """Return the latest cut for block `number` whose features have its grid, or can be pooled to it.

    The features at the last cut may be coarser than the block's: then the student's are pooled.
    """
    stride = strides[number - 1]
    grid = grid_of(input_size, stride)
    finer = [each for each in at_stride.values() if whole_ratio(each.size, grid)]
    if finer and finer[-1].size == grid:
        return Cut(finer[-1], f"the last at stride {finer[-1].stride}")
    if finer:
        return Cut(finer[-1], f"the last at stride {finer[-1].stride}, the largest of the teacher's up to {stride}")
    coarser = [each for each in at_stride.values() if whole_ratio(grid, each.size)]
    if number == len(strides) and coarser:
        return Cut(coarser[0], f"the last at stride {coarser[0].stride}, the smallest of the teacher's from {stride}")
    raise _no_grid([*at_stride.values()], grid, stride, number)


def _no_grid(candidates: Sequence[Candidate], grid: Grid, stride: int, block: int) -> TeacherError:
    """Return the error of a teacher without features that can be pooled to a block's grid; it names both grids."""
    sizes = ", ".join(dict.fromkeys(f"{each.size[0]} x {each.size[1]} ({each.name})" for each in candidates))
    finest = max(each.size for each in candidates)
    why = "is coarser, and nothing is upsampled" if finest < grid else "is no whole multiple of that"
    return TeacherError(
        f"block {block} of the space has features of {grid[0]} x {grid[1]} pixels (stride {stride}), but each of the "
        f"teacher's {why}: {sizes}; choose a teacher with finer features, or a space whose block {block} has a "
        f"stride of {min(each.stride for each in candidates)} or more"
    )
