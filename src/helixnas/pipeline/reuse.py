"""Reuse between runs: a finished stage of the same key in another run is the same stage, so its files are linked."""

from collections.abc import Sequence

from helixnas.artifacts.files import link_file
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.pipeline.plan import PlannedStage, is_done


def take_over(
    stages: Sequence[PlannedStage], record: RunRecord, folder: RunFolder, others: Sequence[RunFolder]
) -> tuple[RunRecord, dict[str, RunFolder]]:
    """Link the finished stages of other runs into a run, where their keys are those of its plan.

    What helps to make the others is linked too: the weights of a teacher, the end of a distillation that stopped early.

    Args:
        stages: the plan of the run.
        record: what it has finished.
        folder: where it lies.
        others: runs to look in, first to last.

    Returns:
        The record with what was taken over, saved; and per stage the run that it came from.
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
    """Link the weights of another run's teacher, with their history, into a run that has none.

    Whether they were trained as the run's are to be is checked when the teacher is made.
    """
    names = ("teacher/model.safetensors", "teacher/teacher.json", "history/teacher.parquet")
    lender = next((each for each in others if all((each.path / name).is_file() for name in names)), None)
    if lender is not None and not any((folder.path / name).exists() for name in names):
        for name in names:
            link_file(lender.path / name, folder.path / name)


def _lend_state(folder: RunFolder, others: Sequence[RunFolder]) -> None:
    """Link where the last of other runs stopped its distillation early into a run that has no such state itself.

    Whether it can go on from there is checked when it distils.
    """
    lender = next((other for other in reversed(others) if other.supernet_state.is_file()), None)
    if lender is not None and not folder.supernet_state.is_file():
        link_file(lender.supernet_state, folder.supernet_state)
