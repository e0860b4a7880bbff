"""Reuse between runs: a finished stage of the same key in another run is the same stage, so its files are linked."""

from collections.abc import Sequence

from helixnas.artifacts.files import link_file
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.pipeline.plan import PlannedStage, is_done


def take_over(
    stages: Sequence[PlannedStage], record: RunRecord, folder: RunFolder, others: Sequence[RunFolder]
) -> tuple[RunRecord, dict[str, RunFolder]]:
    """Link finished stages of other runs, the first that has one, into a run if their keys are those of its plan.

    Also links what shortens other stages: the weights of a teacher, the state of a distillation that stopped early.

    Returns:
        The record with the reused stages, saved; and the origin of each of them by name.
    """
    records = [(other, RunRecord.load(other.record)) for other in others if other.exists()]
    found: dict[str, RunFolder] = {}
    for stage in stages:
        if is_done(stage, record, folder):
            continue
        giver = next((pair for pair in records if is_done(stage, pair[1], pair[0])), None)
        if giver is None:
            continue
        other, theirs = giver
        for name in theirs.stages[stage.name].files:
            link_file(other.path / name, folder.path / name)
        record = record.with_stage(stage.name, theirs.stages[stage.name])
        found[stage.name] = other
    if found:
        folder.save_record(record)
    left = {stage.name for stage in stages if not is_done(stage, record, folder)}
    if "teacher" in left:
        _lend_teacher(folder, others)
    if "distill" in left:
        _lend_state(folder, others)
    return record, found


def _lend_teacher(folder: RunFolder, others: Sequence[RunFolder]) -> None:
    """Link the weights and history of another run's teacher; the teacher stage checks whether they fit."""
    names = ("teacher/model.safetensors", "teacher/teacher.json", "history/teacher.parquet")
    lender = next((each for each in others if all((each.path / name).is_file() for name in names)), None)
    if lender is not None and not any((folder.path / name).exists() for name in names):
        for name in names:
            link_file(lender.path / name, folder.path / name)


def _lend_state(folder: RunFolder, others: Sequence[RunFolder]) -> None:
    """Link the state of the last distillation that stopped early; the distill stage checks whether it fits."""
    lender = next((other for other in reversed(others) if other.supernet_state.is_file()), None)
    if lender is not None and not folder.supernet_state.is_file():
        link_file(lender.supernet_state, folder.supernet_state)
