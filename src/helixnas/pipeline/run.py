"""The pipeline: the stages of a recipe in order (`helixnas.pipeline.stages`). Read this first.

A stage that is finished and still valid is skipped; a changed setting redoes its stage and those after it, and says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from importlib import metadata

from helixnas.artifacts.files import remove
from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.engine.distributed.parallel import current
from helixnas.engine.progress import Reporter
from helixnas.engine.timing import Stopwatch
from helixnas.errors import ArtifactError, ConfigError, Stage, UnknownNameError, during
from helixnas.jobs.lease import cost_of_jobs, leased
from helixnas.pipeline import stages
from helixnas.pipeline.batch_norm import check_batch_norm
from helixnas.pipeline.contents import digests, require_apart
from helixnas.pipeline.context import Context, import_extensions
from helixnas.pipeline.memory.warning import memory_warnings
from helixnas.pipeline.plan import PlannedStage, is_done, plan, reason_to_redo, require_upstream
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.reuse import take_over
from helixnas.pipeline.sharing import check_batches
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.stage import Result, load
from helixnas.pipeline.work.distill import distill as distill_blocks
from helixnas.pipeline.work.distill import reason_not_to_divide
from helixnas.pipeline.work.distilled.results import is_trained, sign_lines
from helixnas.pipeline.work.search import load_search
from helixnas.report import build_report


def run_recipe(
    recipe: Recipe,
    folder: RunFolder,
    reporter: Reporter,
    *,
    until: str = "report",
    redo: bool = False,
    others: Sequence[RunFolder] = (),
    spread: Spread | None = None,
) -> RunRecord:
    """Run the stages of a recipe in order and return the record of finished stages; a run of the same recipe is continued.

    `until` is the last verb to run, of `stages.verbs()` or report; `redo` replaces a run of another recipe in the folder.
    Finished stages of the `others` are reused where their settings are the same. A `spread` lets other processes do the parts of
    stages that can be divided.

    Raises:
        ArtifactError: another process uses the folder, or it holds a run of another recipe.
        ConfigError: the folder is that of the images.
        JobError: jobs failed on other workers.
        Interrupted: a signal asked to stop; finished work is saved.
    """
    verbs = require_verb(until)
    wanted = set(verbs[: verbs.index(until) + 1])
    wanted_stages = {stage.name for verb in wanted for stage in stages.of_verb(verb)}
    import_extensions(recipe)  # the space may use their operations
    require_apart(recipe.to_dict(), folder.path)
    with folder.locked():
        record, is_replaced = _begin(recipe, folder, reporter, redo=redo)
        context = Context(recipe, folder, reporter, spread=spread)
        try:
            planned = plan(recipe.to_dict(), record.contents)
            chosen = [one for one in planned if one.stage.name in wanted_stages]
            if is_replaced:
                context.folder = RunFolder(folder.path / "unbegun")  # nothing of another recipe counts
                _check(chosen, context, record, folder)
                context.folder = folder
                folder.clear()
            folder.save_record(record)  # before the settings, so that a folder with settings is always a run
            folder.save_settings(recipe.to_dict())
            record, taken = take_over(chosen, record, folder, others)
            for name, other in taken.items():
                reporter.say(f"{name}: reused from {other.path}")
            if not is_replaced:
                _check(chosen, context, record, folder)
            for one in chosen:
                record = do_stage(one, context, record)
            if until == "report":
                reporter.say(f"report: {build_report(folder.path)}")
        finally:
            reporter.close()
    return record


def require_own(recipe: Recipe, folder: RunFolder) -> None:
    """Raise `ArtifactError` unless a folder is free or holds a run of this recipe; `ConfigError` if it is that of the images."""
    require_apart(recipe.to_dict(), folder.path)
    _begin(recipe, folder, Reporter(), redo=False)


def require_verb(until: str) -> list[str]:
    """Return what a run can be stopped after, in order; raises `UnknownNameError` unless `until` is one of them."""
    verbs = [*stages.verbs(), "report"]
    if until not in verbs:
        raise UnknownNameError("stage", until, verbs)
    return verbs


def run_stage(
    recipe: Recipe,
    folder: RunFolder,
    reporter: Reporter,
    *,
    verb: str,
    name: str | None,
    blocks: tuple[int, ...] = (),
    spread: Spread | None = None,
) -> RunRecord:
    """Run the stages of one verb in an existing run; the stages before them must be finished.

    Search and retrain take the `name` of a search, all by default; distill takes `blocks` to train as an independent job.

    Raises:
        ArtifactError: an earlier stage is not finished, or another process uses the folder.
        UnknownNameError: no search of that name.
    """
    record = folder.load_record()
    if verb == "retrain" and recipe.retrain is None:
        raise ConfigError(
            "the recipe has no retraining (retrain: null); for the network with the supernet's weights: helixnas export "
            f"{folder.path} --weights inherited"
        )
    if verb == "proxies" and not recipe.proxies.num_networks:
        raise ConfigError("the recipe scores no untrained networks (proxies.num_networks: 0); give --num-networks 100")
    if verb == "calibrate" and not recipe.calibration.num_networks:
        raise ConfigError(
            "the recipe trains no networks to calibrate (calibration.num_networks: 0); give --num-networks 32"
        )
    import_extensions(recipe)
    known_searches = recipe.searches
    if verb == "retrain" and name is not None and name not in known_searches:  # `helixnas search --name` added it
        if (config := load_search(folder, name)) is None:
            raise UnknownNameError("search", name, {*known_searches, *folder.search_names()})
        recipe = replace(recipe, searches={**known_searches, name: config})
    planned = {one.name: one for one in plan(recipe.to_dict(), record.contents)}
    kinds = [stage.name for stage in stages.of_verb(verb)]
    named = [one for one in planned.values() if one.search == name and one.stage.name in kinds]
    if name is not None and not named:
        raise UnknownNameError("search", name, recipe.searches)
    context = Context(recipe, folder, reporter, spread=spread)
    try:
        if blocks:
            return _distill_blocks(planned, context, record, blocks)
        with folder.locked():
            record = _take_over_blocks(planned["distill"], context, folder.load_record())
            chosen = [one for one in planned.values() if one.stage.name in kinds]
            if name is not None:
                chosen = [planned[f"search:{name}"]] if name not in known_searches else []
                chosen += named
            _check(chosen, context, record, folder)
            for one in chosen:
                require_upstream(one, planned, record, folder)
                record = do_stage(one, context, record)
    finally:
        reporter.close()
    return record


def do_stage(one: PlannedStage, context: Context, record: RunRecord) -> RunRecord:
    """Run one stage unless it is finished, and return the record with it."""
    folder, reporter, stage = context.folder, context.reporter, one.stage
    if is_done(one, record, folder):
        reporter.say(f"{one.name}: done already")
        return record
    reason = reason_to_redo(one, record, folder)
    if reason is not None:
        reporter.say(f"re-running {one.name}: {reason}")
        record = record.without_stage(one.name)
        folder.save_record(record)
    context.watch = watch = Stopwatch()
    if stage.seconds is not None:
        _say_if_threads_differ(context, record)
    with during(_place(one, context)):
        if stage.check_before is not None:
            load(stage.check_before)(context)
        with watch.running():
            result = work(one, context)
    jobs = cost_of_jobs(folder, one.key)
    finished = folder.stage_record(
        key=one.key,
        settings=one.settings,
        files=result.files,
        facts=result.facts,
        seconds=watch.seconds,
        core_seconds=watch.core_seconds if result.is_timed else None,
        worker_core_seconds=None if result.is_timed or jobs is None else watch.core_seconds + jobs,
        num_threads=(result.num_threads or context.num_threads) if stage.seconds is not None else None,
    )
    record = record.with_stage(one.name, finished)
    folder.save_record(record)
    for file in (folder.checkpoint(one.name), *result.temporary):
        remove(file)
    reporter.say(f"{one.name}: {_summary(result)} ({finished.seconds:.1f} s)")
    for line in sign_lines(result.facts.get("embeddings", {})):
        reporter.say(f"  embeddings of {line}")
    return record


def _place(one: PlannedStage, context: Context) -> Stage:
    """Return the place that an error of a stage is noted with; `retrain:small` is a stage of its own."""
    return Stage(one.name, tuple(one.settings), context.folder.path)


def _say_if_threads_differ(context: Context, record: RunRecord) -> None:
    """Say once per process that the finished stages of the run used another number of CPU threads."""
    recorded = {stage.num_threads for stage in record.stages.values() if stage.num_threads is not None}
    before = recorded - {context.num_threads}
    if before and not context.told_threads:
        context.told_threads = True
        context.reporter.say(
            f"torch has {context.num_threads} CPU threads, but finished stages of this run had "
            f"{' and '.join(map(str, sorted(before)))}; results may differ in their last digits from a run with one number "
            "of threads (runtime.num_threads)"
        )


def work(one: PlannedStage, context: Context) -> Result:
    """Run the function of one stage."""
    return load(one.stage.work)(context, one.key, one.search)


def _begin(recipe: Recipe, folder: RunFolder, reporter: Reporter, *, redo: bool) -> tuple[RunRecord, bool]:
    """Return the record of the run in a folder, or a new one, and whether it replaces the run of another recipe."""
    versions = {name: metadata.version(name) for name in ("helixnas", "torch", "timm", "numpy")}
    record, is_replaced = RunRecord(recipe=recipe.name, versions=versions), False
    if folder.exists():
        try:
            found = folder.load_record(reporter.say)
        except ArtifactError:
            if not redo:
                raise
            found = RunRecord(recipe="")  # damaged, to be replaced
        if found.recipe != recipe.name and not redo:
            raise ArtifactError(
                f"{folder.path} holds a run of recipe {found.recipe!r}, not of {recipe.name!r}; choose another folder, or "
                "replace that run (redo)"
            )
        if found.recipe == recipe.name:
            record = found
        else:
            is_replaced = True
    elif LineageFolder(folder.path).exists():
        raise ArtifactError(
            f"{folder.path} holds generations, not one run; choose another folder, or add --generations"
        )
    elif folder.config.exists():
        raise ArtifactError(f"{folder.path} has a config.yaml but no record of a run; choose another folder")
    return replace(record, contents={**record.contents, **digests(recipe.to_dict())}), is_replaced


def _distill_blocks(
    planned: Mapping[str, PlannedStage], context: Context, record: RunRecord, blocks: tuple[int, ...]
) -> RunRecord:
    """Train some blocks as an independent job; the job that trains the last block finishes the stage."""
    one, folder, number = planned["distill"], context.folder, len(context.space.blocks)
    for block in blocks:
        if not 1 <= block <= number:
            raise ConfigError(f"the space has blocks 1 .. {number}, not {block}")
    if reason := reason_not_to_divide(context.recipe):
        raise ConfigError(f"{reason}, so none can be trained alone; leave --blocks out")
    require_upstream(one, planned, record, folder)
    job = "distill-" + "-".join(map(str, blocks))
    with leased(folder, job, one.key):
        with during(_place(one, context)):
            result = distill_blocks(context, one.key, blocks=blocks)
        remove(folder.checkpoint(job))
    context.reporter.say(f"distill, blocks {', '.join(map(str, blocks))}: {_summary(result)}")
    with folder.locked(patience=60.0):
        return _take_over_blocks(one, context, folder.load_record())


def _take_over_blocks(one: PlannedStage, context: Context, record: RunRecord) -> RunRecord:
    """Record distillation as finished if jobs have trained every block."""
    if is_done(one, record, context.folder):
        return record
    numbers = range(1, len(context.space.blocks) + 1)
    if context.recipe.distill.is_self_supervised:
        return record  # no part of it is trained alone
    trained = all(is_trained(context.folder, number, one.key) for number in numbers)
    return do_stage(one, context, record) if trained else record


def _check(chosen: Iterable[PlannedStage], context: Context, record: RunRecord, folder: RunFolder) -> None:
    """Raise if a later stage could not finish, before the first one starts; warn of those that memory may not hold."""
    open_stages = [one.stage for one in chosen if not is_done(one, record, folder)]
    with during(Stage("the check before the first stage", (), folder.path)):
        names = {stage.name for stage in open_stages}
        check_batch_norm(context.recipe, names)
        check_batches(context.recipe, names, current())
        for check in dict.fromkeys(check for stage in open_stages for check in stage.checks):
            load(check)(context)
        for warning in memory_warnings(context.recipe, names):
            context.reporter.say(f"warning: {warning}")


def _summary(result: Result) -> str:
    shown = {k: v for k, v in result.facts.items() if isinstance(v, int | float | str)}
    return ", ".join(
        f"{k} {v:,}" if isinstance(v, int) else f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}"
        for k, v in shown.items()
    )
