"""Searches of an existing run: under new limits as another named search, or those of its recipe."""

from collections.abc import Mapping
from dataclasses import replace

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline.plan import PlannedStage, is_done, plan, require_upstream
from helixnas.pipeline.work.search import (
    Outcome,
    find_in_run,
    limits_of,
    load_search,
    load_tables,
    reading_settings,
    save_outcome,
    teacher_costs,
)
from helixnas.search.config import SearchConfig, check_search_name, is_usable, search_config
from helixnas.space import load_space


def search_run(
    folder: RunFolder, name: str | None, limits: SearchConfig | None, *, num_best: int = 1
) -> list[tuple[str, Outcome]]:
    """Search a rated run: under new `limits` as a named search, or its recipe's searches.

    New limits that name no scores add up those of the recipe.

    Raises:
        ArtifactError: the run is not rated yet, or its settings were damaged.
        ConfigError: a search of that name has other limits.
        UnknownNameError: there is no search of that name.
    """
    record, settings = folder.load_record(), folder.load_settings()
    tables = load_tables(folder, record)
    with reading_settings(folder):
        searches = {key: search_config(values) for key, values in settings["searches"].items()}
        stages = {stage.name: stage for stage in plan(settings, record.contents)}
        space = load_space(settings["space"])
    teacher = teacher_costs(record)
    if limits is not None:
        fresh = name or _name_of(limits)
        limits = replace(limits, scores=limits.scores or tuple(settings.get("scores", ())))
        check_search_name(fresh)
        limits_of(limits, tables.costs, teacher, folder)  # an unknown resource is reported before a name that is taken
        before = searches.get(fresh) or load_search(folder, fresh)
        if before is not None and before != limits:
            raise ConfigError(f"{folder.search(fresh)} holds a search with other limits; choose another --name")
        outcome = find_in_run(limits, space, tables, teacher, folder, name=fresh, num_best=num_best)
        save_outcome(outcome, folder.search(fresh))
        return [(fresh, outcome)]
    if name is not None:
        chosen = searches.get(name) or load_search(folder, name)
        if chosen is None:
            raise UnknownNameError("search", name, {*searches, *folder.search_names()})
        searches = {name: chosen}
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


def _finish(stage: PlannedStage, stages: Mapping[str, PlannedStage], folder: RunFolder, outcome: Outcome) -> RunRecord:
    """Save one of the recipe's searches and record it as finished."""
    with folder.locked():
        record = folder.load_record()
        require_upstream(stage, stages, record, folder)
        files = [f"searches/{stage.search}/{file}" for file in save_outcome(outcome, folder.search(stage.search))]
        seconds, facts = outcome.result.seconds, outcome.facts()
        facts |= {"warnings": list(outcome.warnings)} if outcome.warnings else {}
        finished = folder.stage_record(
            key=stage.key, settings=stage.settings, files=files, facts=facts, seconds=seconds
        )
        record = record.with_stage(stage.name, finished)
        folder.save_record(record)
    return record


def _name_of(limits: SearchConfig) -> str:
    """Return a name made of the limits, without what no name of a search may hold: ``max-macs-350M``."""
    parts = [f"max-{key}-{value}" for key, value in limits.max.items()]
    parts += [f"min-{key}-{value}" for key, value in limits.min.items()]
    parts += [f"weights-{'-'.join(map(str, limits.weights))}"] if limits.weights else []
    parts += [f"scores-{'-'.join(limits.scores)}"] if limits.scores else []
    parts += [f"front-{'-'.join(limits.front)}"] if limits.front else []
    return "".join(c for c in "-".join(parts).replace("%", "pct") if is_usable(c)) or "unlimited"
