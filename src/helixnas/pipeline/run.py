"""The pipeline: teacher -> distill -> rate -> search -> retrain -> report, in order. Read this first.

What is already there and still valid is skipped; a changed setting redoes its stage and those after it, and says so.
"""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

from helixnas.artifacts import RunRecord, StageRecord
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.pipeline import stages
from helixnas.pipeline.drive import discard
from helixnas.pipeline.outcomes import retrain, search
from helixnas.pipeline.plan import PlannedStage, is_done, plan, reason_to_redo
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reporting import Reporter
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.session import Session
from helixnas.report import build_report

Step = Callable[[Session, str], stages.Result]

STAGES_OF_VERB = {
    "teacher": ("teacher",),
    "distill": ("distill",),
    "rate": ("rate", "costs", "stitch"),
    "search": ("search",),
    "retrain": ("retrain",),
}
"""Which stages a verb of the command line stands for."""


def run_recipe(
    recipe: Recipe, folder: RunFolder, reporter: Reporter, *, until: str = "report", redo: bool = False
) -> RunRecord:
    """Go through a recipe in order and return the record of what is finished.

    Args:
        recipe: all settings.
        folder: where the run lies; a run of the same recipe is continued.
        reporter: what to tell and show.
        until: the last verb to do: teacher, distill, rate, search, retrain or report.
        redo: whether a run of another recipe in the folder may be replaced.

    Raises:
        ArtifactError: another process is at work in the folder, or it holds a run of another recipe.
        Interrupted: asked to stop; what is done is saved.
    """
    verbs = [*STAGES_OF_VERB, "report"]
    if until not in verbs:
        raise UnknownNameError("stage", until, verbs)
    wanted = {stage for verb in verbs[: verbs.index(until) + 1] for stage in STAGES_OF_VERB.get(verb, ())}
    with folder.locked():
        record = _begin(recipe, folder, redo=redo)
        session = Session(recipe, folder, reporter)
        try:
            for stage in plan(recipe):
                if stage.name.partition(":")[0] in wanted:
                    record = _do(stage, session, record)
            if until == "report":
                reporter.say(f"report: {write_report(folder)}")
        finally:
            reporter.close()
    return record


def run_stage(
    recipe: Recipe, folder: RunFolder, reporter: Reporter, *, verb: str, name: str | None, blocks: tuple[int, ...] = ()
) -> RunRecord:
    """Do the stages of one verb in an existing run; those before must be done.

    Args:
        recipe: the settings of the run.
        folder: where it lies.
        reporter: what to tell and show.
        verb: teacher, distill, rate, search or retrain.
        name: which search, for search and retrain; all by default.
        blocks: for distill, train only these blocks, as an independent job.

    Raises:
        ArtifactError: an earlier stage is not done.
        UnknownNameError: no search of that name.
    """
    with folder.locked():
        record = folder.load_record()
        planned = plan(recipe)
        chosen = [stage for stage in planned if stage.name.partition(":")[0] in STAGES_OF_VERB[verb]]
        if name is not None:
            chosen = [stage for stage in chosen if stage.name == f"{verb}:{name}"]
            if not chosen:
                raise UnknownNameError("search", name, recipe.searches)
        if verb == "retrain" and recipe.retrain is None:
            raise ConfigError("the recipe leaves retraining out (retrain: null)")
        session = Session(recipe, folder, reporter)
        try:
            for stage in chosen:
                _require_upstream(stage, planned, record, folder)
                if blocks:
                    _distill_blocks(stage, session, blocks)
                else:
                    record = _do(stage, session, record)
        finally:
            reporter.close()
    return record


def write_report(folder: RunFolder) -> Path:
    """Write the report of what a run has finished and return its path."""
    return build_report(folder.path)


def _begin(recipe: Recipe, folder: RunFolder, *, redo: bool) -> RunRecord:
    """Open the run in a folder, or begin one."""
    record = RunRecord(recipe=recipe.name, versions=_versions())
    if folder.exists():
        found = folder.load_record()
        if found.recipe != recipe.name and not redo:
            raise ArtifactError(
                f"{folder.path} holds a run of recipe {found.recipe!r}, not of {recipe.name!r}; choose another --out, or add "
                "--redo to replace it"
            )
        record = found if found.recipe == recipe.name else record
    elif folder.config.exists():
        raise ArtifactError(f"{folder.path} has a config.yaml but no record of a run; choose another --out")
    folder.save_settings(recipe.to_dict())
    record.save(folder.record)
    return record


def _do(stage: PlannedStage, session: Session, record: RunRecord) -> RunRecord:
    """Do one stage unless it is done; record it."""
    folder, reporter = session.folder, session.reporter
    if is_done(stage, record, folder):
        reporter.say(f"[dim]{stage.name}: done already[/dim]")
        return record
    reason = reason_to_redo(stage, record, folder)
    if reason is not None:
        reporter.say(f"{stage.name} is done again: {reason}")
        record = record.without_stage(stage.name)
        record.save(folder.record)
    started = time.monotonic()
    result = _step(stage.name)(session, stage.key)
    finished = StageRecord(
        key=stage.key,
        settings=stage.settings,
        files={name: (folder.path / name).stat().st_size for name in result.files},
        seconds=round(time.monotonic() - started, 3),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=result.facts,
    )
    record = record.with_stage(stage.name, finished)
    record.save(folder.record)
    discard(folder.checkpoint(stage.name))
    reporter.say(f"{stage.name}: {_summary(result)} ({finished.seconds:.1f} s)")
    return record


def _step(name: str) -> Step:
    kind, _, search_name = name.partition(":")
    steps: dict[str, Step] = {
        "teacher": stages.make_teacher,
        "distill": stages.distill,
        "rate": stages.rate,
        "costs": stages.count_costs,
        "stitch": stages.stitch,
        "search": partial(search, name=search_name),
        "retrain": partial(retrain, name=search_name),
    }
    return steps[kind]


def _distill_blocks(stage: PlannedStage, session: Session, blocks: tuple[int, ...]) -> None:
    """Train some blocks as an independent job; the whole stage takes them over when it is done."""
    number = len(session.space.blocks)
    for block in blocks:
        if not 1 <= block <= number:
            raise ConfigError(f"the space has blocks 1 .. {number}, not {block}")
    result = stages.distill(session, stage.key, blocks=tuple(sorted(set(blocks))))
    session.reporter.say(f"blocks {', '.join(map(str, blocks))}: {_summary(result)}")


def _require_upstream(
    stage: PlannedStage, planned: tuple[PlannedStage, ...], record: RunRecord, folder: RunFolder
) -> None:
    done_here = {other.name: other for other in planned}
    for name in stage.upstream:
        if name.partition(":")[0] in STAGES_OF_VERB["rate"] and stage.name in STAGES_OF_VERB["rate"]:
            continue  # rate, costs and stitch are one verb
        if not is_done(done_here[name], record, folder):
            verb = name.partition(":")[0]
            raise ArtifactError(f"{stage.name} needs the {name} stage, which is not done; do it with: helixnas {verb} {folder.path}")


def _summary(result: stages.Result) -> str:
    shown = {k: v for k, v in result.facts.items() if isinstance(v, int | float | str)}
    return ", ".join(f"{k} {v:,}" if isinstance(v, int) else f"{k} {v:.4g}" if isinstance(v, float) else v for k, v in shown.items())


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("helixnas", "torch", "timm", "numpy")}
