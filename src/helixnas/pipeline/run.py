"""The pipeline: teacher -> costs -> distill -> rate -> search -> retrain -> report, in order. Read this first.

What is already there and still valid is skipped; a changed setting redoes its stage and those after it, and says so.
"""

import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from importlib import metadata
from pathlib import Path

from helixnas.artifacts import RunRecord, StageRecord
from helixnas.engine import Stopwatch
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.pipeline import costing, stages
from helixnas.pipeline.cost_files import load_costs
from helixnas.engine.job import discard
from helixnas.pipeline.outcomes import search
from helixnas.pipeline.plan import PlannedStage, is_done, plan, reason_to_redo
from helixnas.pipeline.recipe import Recipe
from helixnas.engine.progress import Reporter
from helixnas.pipeline.stages.retrain import check_images, check_teaching, retrain, retrain_inherited
from helixnas.artifacts.run_folder import RunFolder
from helixnas.pipeline.ad_hoc.search import load_search
from helixnas.pipeline.stages.search import check_budgets, teacher_costs
from helixnas.pipeline.context import Session
from helixnas.pipeline.reuse import take_over
from helixnas.report import build_report

Step = Callable[[Session, str], stages.Result]

STAGES_OF_VERB = {
    "teacher": ("teacher",),
    "costs": ("costs", "latency"),
    "distill": ("costs", "latency", "distill"),
    "rate": ("rate", "stitch"),
    "search": ("search",),
    "retrain": ("retrain", "inherit"),
}
"""Which stages a verb of the command line stands for."""


def run_recipe(
    recipe: Recipe,
    folder: RunFolder,
    reporter: Reporter,
    *,
    until: str = "report",
    redo: bool = False,
    others: Sequence[RunFolder] = (),
) -> RunRecord:
    """Go through a recipe in order and return the record of what is finished.

    Args:
        recipe: all settings.
        folder: where the run lies; a run of the same recipe is continued.
        reporter: what to tell and show.
        until: the last verb to do: teacher, costs, distill, rate, search, retrain or report.
        redo: whether a run of another recipe in the folder may be replaced.
        others: runs whose stages are taken over where they were made from the same settings.

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
            chosen = [stage for stage in plan(recipe.to_dict()) if stage.name.partition(":")[0] in wanted]
            record, taken = take_over(chosen, record, folder, others)
            for name, other in taken.items():
                reporter.say(f"{name}: taken over from {other.path}")
            _check_retraining(chosen, session, record)
            for stage in chosen:
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
        verb: teacher, costs, distill, rate, search or retrain.
        name: which search, for search and retrain; all by default.
        blocks: for distill, train only these blocks, as an independent job.

    Raises:
        ArtifactError: an earlier stage is not done, or another process is at work in the folder.
        UnknownNameError: no search of that name.
    """
    record = folder.load_record()
    if verb == "retrain" and recipe.retrain is None:
        raise ConfigError("the recipe leaves retraining out (retrain: null)")
    known_searches = recipe.searches
    if verb == "retrain" and name is not None and name not in recipe.searches:
        recipe = _with_named_search(recipe, folder, name)
    planned = {stage.name: stage for stage in plan(recipe.to_dict())}
    named = [stage for kind in STAGES_OF_VERB[verb] if (stage := planned.get(f"{kind}:{name}")) is not None]
    if name is not None and not named:
        raise UnknownNameError("search", name, recipe.searches)
    session = Session(recipe, folder, reporter)
    try:
        if blocks:
            return _distill_blocks(planned, session, record, blocks)
        with folder.locked():
            record = _take_over_blocks(planned["distill"], session, folder.load_record())
            chosen = [stage for stage in planned.values() if stage.name.partition(":")[0] in STAGES_OF_VERB[verb]]
            if name is not None:
                chosen = [planned[f"search:{name}"]] if name not in known_searches else []
                chosen += named
            _check_retraining(chosen, session, record)
            for stage in chosen:
                _require_upstream(stage, planned, record, folder)
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
                f"{folder.path} holds a run of recipe {found.recipe!r}, not of {recipe.name!r}; choose another "
                "--out, or add "
                "--redo to replace it"
            )
        if found.recipe == recipe.name:
            record = found
        else:
            folder.clear()
    elif folder.config.exists():
        raise ArtifactError(f"{folder.path} has a config.yaml but no record of a run; choose another --out")
    folder.sweep()
    record.save(folder.record)  # first, so that a folder with settings is always known as a run
    folder.save_settings(recipe.to_dict())
    return record


def _do(stage: PlannedStage, session: Session, record: RunRecord) -> RunRecord:
    """Do one stage unless it is done; record it."""
    folder, reporter = session.folder, session.reporter
    if is_done(stage, record, folder):
        reporter.say(f"{stage.name}: done already")
        return record
    reason = reason_to_redo(stage, record, folder)
    if reason is not None:
        reporter.say(f"{stage.name} is done again: {reason}")
        record = record.without_stage(stage.name)
        record.save(folder.record)
    if (
        stage.name == "distill" and "costs" in record.stages
    ):  # the first stage that takes long: what cannot be met is told before it
        costs = load_costs(folder, record)
        check_budgets(session.recipe.searches, session.space, costs, teacher_costs(record), folder)
        check_teaching(session)
    session.watch = watch = Stopwatch()
    with watch.running():
        result = _step(stage.name)(session, stage.key)
    finished = StageRecord(
        key=stage.key,
        settings=stage.settings,
        files={name: (folder.path / name).stat().st_size for name in result.files},
        seconds=round(watch.seconds, 3),
        finished=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=result.facts,
        core_seconds=round(watch.core_seconds, 3) if result.is_timed else None,
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
        "latency": costing.measure_latency,
        "stitch": stages.stitch,
        "search": partial(search, name=search_name),
        "retrain": partial(retrain, name=search_name),
        "inherit": partial(retrain_inherited, name=search_name),
    }
    return steps[kind]


def _distill_blocks(
    planned: Mapping[str, PlannedStage], session: Session, record: RunRecord, blocks: tuple[int, ...]
) -> RunRecord:
    """Train some blocks as an independent job, beside those of other blocks; the last one finishes the stage."""
    stage, folder, number = planned["distill"], session.folder, len(session.space.blocks)
    for block in blocks:
        if not 1 <= block <= number:
            raise ConfigError(f"the space has blocks 1 .. {number}, not {block}")
    if session.recipe.distill.is_progressive:
        raise ConfigError(
            f"distill.strategy={session.recipe.distill.strategy} trains the blocks one after the other, so none can be "
            "trained alone; leave --blocks out"
        )
    _require_upstream(stage, planned, record, folder)
    job = "-distill-" + "-".join(map(str, blocks))
    with folder.locked(job):
        result = stages.distill(session, stage.key, blocks=blocks)
        discard(folder.checkpoint(job.removeprefix("-")))
    session.reporter.say(f"distill, blocks {', '.join(map(str, blocks))}: {_summary(result)}")
    with folder.locked(patience=60.0):
        return _take_over_blocks(stage, session, folder.load_record())


def _take_over_blocks(stage: PlannedStage, session: Session, record: RunRecord) -> RunRecord:
    """Record distillation as done where every block was trained, each by a job of its own."""
    if is_done(stage, record, session.folder):
        return record
    numbers = range(1, len(session.space.blocks) + 1)
    trained = all(stages.is_trained(session.folder, number, stage.key) for number in numbers)
    return _do(stage, session, record) if trained else record


def _check_retraining(chosen: Iterable[PlannedStage], session: Session, record: RunRecord) -> None:
    """Raise before hours of work where a later stage will need labels or images that are not there."""
    if any(
        stage.name.startswith(("retrain:", "inherit:")) and not is_done(stage, record, session.folder)
        for stage in chosen
    ):
        check_images(session)


def _with_named_search(recipe: Recipe, folder: RunFolder, name: str) -> Recipe:
    """Return the recipe with a search that was made beside it by `helixnas search RUN --name NAME`."""
    config = load_search(folder, name)
    if config is None:
        raise UnknownNameError("search", name, {*recipe.searches, *folder.search_names()})
    return replace(recipe, searches={**recipe.searches, name: config})


def _require_upstream(
    stage: PlannedStage, planned: Mapping[str, PlannedStage], record: RunRecord, folder: RunFolder
) -> None:
    for name in stage.upstream:
        if not is_done(planned[name], record, folder):
            kind = name.partition(":")[0]
            verb = next(verb for verb, kinds in STAGES_OF_VERB.items() if kind in kinds)
            raise ArtifactError(
                f"{stage.name} needs the {name} stage, which is not done; do it with: "
                f"helixnas {verb} {shlex.quote(str(folder.path))}"
            )


def _summary(result: stages.Result) -> str:
    shown = {k: v for k, v in result.facts.items() if isinstance(v, int | float | str)}
    return ", ".join(
        f"{k} {v:,}" if isinstance(v, int) else f"{k} {v:.4g}" if isinstance(v, float) else v for k, v in shown.items()
    )


def _versions() -> dict[str, str]:
    return {name: metadata.version(name) for name in ("helixnas", "torch", "timm", "numpy")}
