"""The plan of a run: its stages in order, the key of each, and which of them must be (re)done.

A stage's key is the hash of its settings and of the keys of the stages that it reads. Settings that do not
change a result (device, workers, caches) are left out, so changing them redoes nothing.
"""

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord, config_key
from helixnas.data.config import consequential
from helixnas.errors import ArtifactError
from helixnas.pipeline import stages
from helixnas.pipeline.contents import PREFIX, by_content
from helixnas.pipeline.stage import Stage

MOST = 60
"""Characters of a setting's value that a message may hold."""


@dataclass(frozen=True)
class PlannedStage:
    """One stage of a run."""

    stage: Stage
    search: str
    """Name of its search; empty if the stage is not per search."""

    key: str
    """Hash of everything that its results depend on."""

    settings: Mapping[str, Any]
    """Its settings, to report changes."""

    upstream: tuple[str, ...]
    """Names of the stages whose files it reads."""

    @property
    def name(self) -> str:
        """Name in the record: teacher, costs, ..., search:NAME, retrain:NAME."""
        return f"{self.stage.name}:{self.search}" if self.search else self.stage.name


def plan(values: Mapping[str, Any], known: Mapping[str, str] | None = None) -> tuple[PlannedStage, ...]:
    """Return the stages of a recipe, given by `Recipe.to_dict`, in order; `known` are digests of files that are gone."""
    settled = by_content(values, known)
    settled = {**settled, "data": consequential(settled["data"])}
    planned: dict[str, PlannedStage] = {}
    for stage in stages.STAGES:
        for search in values["searches"] if stage.per_search else ("",):
            settings = stage.settings(settled, search)
            if settings is None:
                continue
            upstream = stage.upstream(settled, search)
            key = config_key(settings, stage.name, search, *(planned[name].key for name in upstream))
            one = PlannedStage(stage, search, key, settings, upstream)
            planned[one.name] = one
    return tuple(planned.values())


def data_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the data that decide which images there are and what they look like."""
    return consequential(by_content(values)["data"])


def teacher_training_key(values: Mapping[str, Any]) -> str:
    """Return the hash of the settings that the training of a teacher depends on.

    Its boundaries do not count, and the space only if the teacher is a network of the space.
    """
    settled = by_content(values)
    network = {name: value for name, value in settled["teacher"].items() if name != "boundaries"}
    if network["network"]:
        network["space"] = values["space"]
    common = {"seed": values["seed"], "data": consequential(settled["data"]), "imports": settled["imports"]}
    precision = values["runtime"]["precision"]
    return config_key({**common, "precision": precision, "teacher": network, "teacher_fit": values["teacher_fit"]})


def stages_after(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of a stage and of all that depend on it, in order."""
    found = [name]
    for stage in plan(values):
        if set(stage.upstream).intersection(found):
            found.append(stage.name)
    return tuple(found)


def is_done(stage: PlannedStage, record: RunRecord, folder: RunFolder) -> bool:
    """Whether a stage was finished with the current settings and its files are unchanged."""
    finished = record.stages.get(stage.name)
    return finished is not None and finished.key == stage.key and finished.missing(folder.path) is None


def reason_to_redo(stage: PlannedStage, record: RunRecord, folder: RunFolder) -> str | None:
    """Return why a finished stage must be redone; None if it need not be or was never finished."""
    finished = record.stages.get(stage.name)
    if finished is None:
        return None
    if finished.key == stage.key:
        missing = finished.missing(folder.path)
        return None if missing is None else f"{missing} is missing or was changed"
    found = list(changes("", finished.settings, stage.settings))
    return "; ".join(found[:3]) if found else "an earlier stage changed"


def outdated(names: Sequence[str], values: Mapping[str, Any], record: RunRecord, folder: RunFolder) -> dict[str, str]:
    """Return, for those of the named stages that are finished with other settings or inputs than planned, how to redo them.

    Stages that the recipe leaves out have none.
    """
    finished = [one for one in plan(values, record.contents) if one.name in names and one.name in record.stages]
    return {
        one.name: (
            f"the {one.name} stage is out of date ({reason_to_redo(one, record, folder)}); bring it up to date with: "
            f"helixnas {one.stage.verb} {shlex.quote(str(folder.path))}"
        )
        for one in finished
        if one.key != record.stages[one.name].key
    }


def require_upstream(
    one: PlannedStage, planned: Mapping[str, PlannedStage], record: RunRecord, folder: RunFolder
) -> None:
    """Raise `ArtifactError` if a stage that another reads is not finished."""
    for name in one.upstream:
        if not is_done(planned[name], record, folder):
            reason = reason_to_redo(planned[name], record, folder)
            raise ArtifactError(
                f"{one.name} needs the {name} stage, which must be {f'redone ({reason})' if reason else 'done first'}: "
                f"helixnas {planned[name].stage.verb} {shlex.quote(str(folder.path))}"
            )


def changes(prefix: str, before: Any, after: Any) -> Iterator[str]:
    """Yield a description of every setting that differs; `prefix` is the name of their section.

    >>> list(changes("", {"distill": {"lr": 0.1}}, {"distill": {"lr": 0.2}}))
    ['distill.lr changed from 0.1 to 0.2']
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from changes(f"{prefix}.{name}" if prefix else str(name), before.get(name), after.get(name))
    elif before != after:
        was, now = ("not set" if value in ("", None) else str(value) for value in (before, after))
        if was.startswith(PREFIX) and now.startswith(PREFIX):
            yield f"the contents of {prefix} changed"
        elif was != now:
            short = max(len(was), len(now)) <= MOST
            yield f"{prefix} changed from {was} to {now}" if short else f"{prefix} changed"
