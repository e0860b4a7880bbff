"""Boundaries of a teacher: the modules whose outputs are Y_1 .. Y_N, checked in a forward pass of a blank image.

`helixnas.teacher.cutting` chooses them where a recipe names none.
"""

from collections.abc import Sequence
from typing import Any

from torch import nn

from helixnas.errors import TeacherError, UnknownNameError
from helixnas.teacher.trace import Recorder, run_blank


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
