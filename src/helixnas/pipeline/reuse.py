"""Reuse between runs: a finished stage of the same key in another run is the same stage, so its files are linked."""

from collections.abc import Sequence

from helixnas.artifacts.files import link_file
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.pipeline.plan import PlannedStage, is_done, reason_to_redo


def take_over(
    stages: Sequence[PlannedStage], record: RunRecord, folder: RunFolder, others: Sequence[RunFolder]
) -> tuple[RunRecord, dict[str, RunFolder]]:
    """Link finished stages of other runs, the first that has one, into a run if their keys are those of its plan.

    Also links what shortens other stages: the weights of a teacher, the state of a distillation that stopped early. Returns
    the record with the reused stages, saved, and the origin of each of them by name.
    """
    records = [(other, RunRecord.load(other.record)) for other in others if other.exists()]
    found: dict[str, RunFolder] = {}
    for stage in stages:
        if is_done(stage, record, folder):
            continue
        for other, theirs in records:
            if is_done(stage, theirs, other):
                for name in theirs.stages[stage.name].files:
                    link_file(other.path / name, folder.path / name)
                record = record.with_stage(stage.name, theirs.stages[stage.name])
                found[stage.name] = other
                break
    if found:
        folder.save_record(record)
    left = {stage.name for stage in stages if not is_done(stage, record, folder)}
    if "teacher" in left:
        _lend(folder, others, "teacher/model.safetensors", "teacher/teacher.json", "history/teacher.parquet")
    if "distill" in left:
        _lend(folder, others[::-1], "supernet/state.pt")
    return record, found


def reason_not_to_reuse(stages: Sequence[PlannedStage], other: RunFolder) -> str:
    """Return in words why no stage of another run is the same; empty where one is."""
    record = RunRecord.load(other.record)
    if any(is_done(stage, record, other) for stage in stages):
        return ""
    reasons = [f"{stage.name}: {why}" for stage in stages if (why := reason_to_redo(stage, record, other))]
    return reasons[0] if reasons else "it has no finished stage of this recipe"


def _lend(folder: RunFolder, others: Sequence[RunFolder], *names: str) -> None:
    """Link files of the first other run that has all of them, if this run has none; their stage checks whether they fit."""
    lender = next((each for each in others if all((each.path / name).is_file() for name in names)), None)
    if lender is not None and not any((folder.path / name).exists() for name in names):
        for name in names:
            link_file(lender.path / name, folder.path / name)
