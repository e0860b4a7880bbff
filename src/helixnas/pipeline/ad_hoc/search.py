"""Searches of a run that exists: under new limits as a named search beside the others, or those of its recipe."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from helixnas.artifacts import RunRecord, StageRecord
from helixnas.artifacts.files import damaged, read_json
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.pipeline.plan import PlannedStage, is_done, plan, reason_to_redo
from helixnas.artifacts.run_folder import RunFolder
from helixnas.search.config import SearchConfig, check_search_name
from helixnas.pipeline.stages.search import Outcome, find_in_run, load_tables, save_outcome, teacher_costs
from helixnas.space import load_space


def search_run(
    folder: RunFolder, name: str | None, limits: SearchConfig | None, *, num_best: int = 1
) -> list[tuple[str, Outcome]]:
    """Search a run whose paths are rated: under new `limits` as a named search, or its recipe's searches.

    Raises:
        ArtifactError: the run is not rated yet, or its settings were damaged.
        ConfigError: the name is taken by a search with other limits.
        UnknownNameError: there is no search of that name.
    """
    record, settings = folder.load_record(), folder.load_settings()
    tables = load_tables(folder, record)
    try:
        searches = {key: search_config(values) for key, values in settings["searches"].items()}
        stages = {stage.name: stage for stage in plan(settings)}
        space = load_space(settings["space"])
    except (KeyError, TypeError, AttributeError) as error:
        raise ArtifactError(
            f"{folder.config} was changed by hand and lacks settings ({error}); "
            f"run the recipe again with --out {folder.path}"
        ) from error
    teacher = teacher_costs(record)
    if limits is not None:
        fresh = name or _name_of(limits)
        check_search_name(fresh)
        before = searches.get(fresh) or load_search(folder, fresh)
        if before is not None and before != limits:
            raise ConfigError(f"{folder.search(fresh)} holds a search with other limits; choose another --name")
        outcome = find_in_run(limits, space, tables, teacher, folder, name=fresh, num_best=num_best)
        save_outcome(outcome, folder.search(fresh))
        return [(fresh, outcome)]
    beside = load_search(folder, name) if name is not None and name not in searches else None
    if name is not None and beside is None and name not in searches:
        raise UnknownNameError("search", name, {*searches, *folder.search_names()})
    if name is not None:
        searches = {name: beside or searches[name]}
    found = [
        (each, find_in_run(config, space, tables, teacher, folder, name=each, num_best=num_best))
        for each, config in searches.items()
    ]
    for each, outcome in found:
        stage = stages.get(f"search:{each}")
        if stage is None:
            save_outcome(outcome, folder.search(each))
        elif not is_done(stage, record, folder):
            record = _finish(stage, stages, folder, outcome)
    return found


def _finish(
    stage: PlannedStage,
    stages: Mapping[str, PlannedStage],
    folder: RunFolder,
    outcome: Outcome,
) -> RunRecord:
    """Save one of the recipe's searches and record it as done, as `helixnas run` does."""
    with folder.locked():
        record = folder.load_record()
        for name in stage.upstream:
            if not is_done(stages[name], record, folder):
                reason = reason_to_redo(stages[name], record, folder) or "it was never done"
                raise ArtifactError(f"the {name} stage must be done again first ({reason}): {folder.resume_command}")
        name = stage.name.partition(":")[2]
        files = [f"searches/{name}/{file}" for file in save_outcome(outcome, folder.search(name))]
        finished = StageRecord(
            key=stage.key,
            settings=stage.settings,
            files={file: (folder.path / file).stat().st_size for file in files},
            seconds=round(outcome.result.seconds, 3),
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            facts=outcome.facts(),
        )
        record = record.with_stage(stage.name, finished)
        record.save(folder.record)
    return record


def load_search(folder: RunFolder, name: str) -> SearchConfig | None:
    """Return the budgets of a search that was made; None where there is none of that name."""
    file = folder.search(name) / "result.json"
    if not file.is_file():
        return None
    values = read_json(file)
    try:
        return search_config(values)
    except (AttributeError, TypeError, ConfigError) as error:
        raise damaged(file, error) from error


def _name_of(limits: SearchConfig) -> str:
    """Return a name that tells the limits: ``max-macs-350M``."""
    parts = [f"max-{key}-{value}" for key, value in limits.max.items()]
    parts += [f"min-{key}-{value}" for key, value in limits.min.items()]
    parts += [f"weights-{'-'.join(map(str, limits.weights))}"] if limits.weights else []
    parts += [f"scores-{'-'.join(limits.scores)}"] if limits.scores else []
    parts += [f"front-{'-'.join(limits.front)}"] if limits.front else []
    return "-".join(parts).replace("%", "pct") or "unlimited"


def search_config(values: Mapping[str, Any]) -> SearchConfig:
    """Build the budgets of a search from plain values."""
    return SearchConfig(
        max=dict(values.get("max", {})),
        min=dict(values.get("min", {})),
        weights=tuple(values.get("weights") or ()),
        scores=tuple(values.get("scores") or ()),
        front=tuple(values.get("front") or ()),
        resolution=dict(values.get("resolution") or {}),
        time_limit_s=values.get("time_limit_s"),
    )
