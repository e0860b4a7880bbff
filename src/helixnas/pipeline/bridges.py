"""Where teacher and student meet: the cuts in words, and what differing grids rule out."""

from collections.abc import Iterator, Sequence

from helixnas.errors import ConfigError
from helixnas.rating.config import EMBEDDING_DISTANCE, LOG_KL, RELATIVE_L1, TASK_KL
from helixnas.space.grids import grid_of, whole_ratio
from helixnas.teacher import Teacher

Grid = tuple[int, int]


def cut_texts(teacher: Teacher, strides: Sequence[int]) -> tuple[str, ...]:
    """Return for every block where the teacher is cut and why, and the grid of comparison if it is not the teacher's."""
    return tuple(
        f"block {number} ends at {name}: {reason}"
        + (f"; {_size(found)} pixels compared at {_size(grid)}" if whole_ratio(found, grid) and found != grid else "")
        + (f"; {_size(grid)} pixels of the student compared at {_size(found)}" if not whole_ratio(found, grid) else "")
        for (number, grid, found), name, reason in zip(
            _grids(teacher, strides), teacher.boundaries, teacher.reasons, strict=True
        )
    )


def check_scores(teacher: Teacher, strides: Sequence[int], scores: Sequence[str]) -> None:
    """Raise `ConfigError` if a score runs the rest of the teacher on features of a grid that the teacher does not take."""
    wanted = [score for score in scores if score not in (RELATIVE_L1, EMBEDDING_DISTANCE)]
    for number, grid, found in _grids(teacher, strides):
        if wanted and whole_ratio(grid, found) is None:
            raise ConfigError(
                f"rating.scores: {wanted[0]} runs the rest of the teacher on a path's estimate of Y_{number}, which has "
                f"{_size(grid)} pixels where the teacher has {_size(found)}, and nothing is upsampled; use {RELATIVE_L1}, or a "
                "teacher whose features have the grids of the space"
            )


def no_stitching(teacher: Teacher, strides: Sequence[int]) -> str:
    """Return why the teacher's head cannot follow the last block of a student; empty if it can."""
    *_, (_, grid, found) = _grids(teacher, strides)
    if whole_ratio(grid, found) is None:
        return (
            f"the last block's features have {_size(grid)} pixels where the teacher's have {_size(found)}, and nothing is "
            "upsampled, so no stitched network can be measured with the teacher's head"
        )
    if not teacher.depends_on(len(strides)):
        return (
            "the teacher's output does not depend on the last boundary's features (a transformer that classifies by its "
            "class token), so no stitched network can be measured with its head"
        )
    return ""


def check_teacher(teacher: Teacher, strides: Sequence[int], *, scores: Sequence[str], stitching: bool) -> Iterator[str]:
    """Yield warnings about a teacher under these scores, and with the stitching check if it is wanted.

    Raises `ConfigError` if a score is impossible; see `check_scores`. The task score is, if the output does not depend on the
    last boundary's features.
    """
    check_scores(teacher, strides, scores)
    at_logits = [name for name in (TASK_KL, LOG_KL) if name in scores]
    wanted = stitching or bool(at_logits)
    training = teacher.training
    why = no_stitching(teacher.eval(), strides) if wanted else ""
    teacher.train(training)
    if why and at_logits:
        raise ConfigError(
            f"rating.scores: {at_logits[0]} cannot tell paths of the last block apart: {why}; use {RELATIVE_L1}"
        )
    if why:
        yield f"the stitching check will be unavailable: {why}"


def _grids(teacher: Teacher, strides: Sequence[int]) -> Iterator[tuple[int, Grid, Grid]]:
    """Yield number, the student's grid and the teacher's, of every block."""
    for number, (stride, found) in enumerate(zip(strides, teacher.feature_sizes, strict=True), start=1):
        yield number, grid_of(teacher.input_size, stride), found


def _size(grid: Grid) -> str:
    return f"{grid[0]} x {grid[1]}"
