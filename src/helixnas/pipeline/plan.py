"""The plan of a run: its stages in order, what each is made from, and which of them must be done (again).

A stage's key is the hash of the settings it is made from and of the keys of the stages it reads. Settings that do not
change a result (device, workers, caches) are left out, so changing them redoes nothing.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from helixnas.artifacts import RunRecord, StageRecord, config_key
from helixnas.pipeline.cost_files import LATENCY_LIMITS
from helixnas.artifacts.run_folder import RunFolder

INCONSEQUENTIAL = {"num_workers", "cache", "download"}
"""Settings of the data that do not change an image."""

LATER: Mapping[str, Any] = {
    "microbatch_size": 0,
    "eps": 0.0,
    "final_lr": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
    "ema_decay": 0.0,
    "augmentation": "",
    "teach": "none",
    "teach_share": 0.5,
    "temperature": 1.0,
    "train_share": 1.0,
    "stop_at": 1.0,
    "features": "raw",
    "zero_init_residual": False,
    "network": "",
    "readout": "none",
    "readout_images": 2000,
    "strategy": "concurrent",
    "num_kept": 5,
}
"""Settings that came later, with the values that mean what was before: those leave a key as it was, so that
no older run is done again for them."""

LATER_FILES: Mapping[str, str] = {"teacher": "teacher/units.safetensors"}
"""Files that came later, by stage: where one is missing the stage is done again, and those after it stay."""


@dataclass(frozen=True)
class PlannedStage:
    """One stage of a run."""

    name: str
    """teacher, costs, latency, distill, rate, stitch, search:NAME, retrain:NAME, inherit:NAME."""

    key: str
    """Hash of everything it is made from."""

    settings: Mapping[str, Any]
    """Its own settings, to tell what changed."""

    upstream: tuple[str, ...]
    """Names of the stages whose files it reads."""


def plan(values: Mapping[str, Any]) -> tuple[PlannedStage, ...]:
    """Return the stages of a recipe in order; `values` are all its settings as plain values (`Recipe.to_dict`)."""
    data = data_settings(values)
    common = {"seed": values["seed"], "data": data, "precision": values["runtime"]["precision"]}
    trained = {} if values["teacher"]["weights"] else {"teacher_fit": _settled(values["teacher_fit"])}
    space = {"space": values["space"]}
    stages: dict[str, PlannedStage] = {}

    def add(name: str, settings: dict[str, Any], *upstream: str) -> None:
        key = config_key(settings, name, *(stages[other].key for other in upstream))
        stages[name] = PlannedStage(name, key, settings, upstream)

    add("teacher", {**common, **space, "teacher": _settled(values["teacher"]), **trained})
    add("costs", space, "teacher")
    costs = values.get("costs") or {}
    is_timed = bool(costs.get("latency") or costs.get("latency_csv"))
    if is_timed:
        add("latency", {"costs": costs}, "costs")
    add("distill", {"supernet": _settled(values["supernet"]), "distill": _settled(values["distill"])}, "teacher")
    add("rate", {"rating": _settled(values["rating"])}, "distill")
    add("stitch", {"stitching": values["stitching"]}, "rate", "costs")
    for name in values["searches"]:
        asked = {each for part in ("max", "min", "front") for each in values["searches"][name].get(part) or ()}
        timed = ("latency",) if is_timed and asked.intersection(LATENCY_LIMITS) else ()
        add(f"search:{name}", {"search": values["searches"][name]}, "rate", "costs", *timed)
    if values["retrain"] is not None:
        settings = _settled({key: value for key, value in values["retrain"].items() if key != "init"})
        afresh = {"retrain": {key: value for key, value in settings.items() if key != "inherit"}}
        for name in values["searches"]:
            if values["retrain"].get("init", "scratch") == "scratch":
                add(f"retrain:{name}", afresh, f"search:{name}")
            else:
                add(f"inherit:{name}", {"retrain": settings}, f"search:{name}", "distill")
    return tuple(stages.values())


def data_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of the data that decide which images there are and what they look like."""
    return _settled({name: value for name, value in values["data"].items() if name not in INCONSEQUENTIAL})


def teacher_training_key(values: Mapping[str, Any]) -> str:
    """Return the hash of all that the training of a teacher depends on.

    That is neither where it is cut nor what is searched, unless the teacher is a network of the space.
    """
    network = {name: value for name, value in _settled(values["teacher"]).items() if name != "boundaries"}
    if "network" in network:
        network["space"] = values["space"]
    common = {"seed": values["seed"], "data": data_settings(values), "precision": values["runtime"]["precision"]}
    return config_key({**common, "teacher": network, "teacher_fit": _settled(values["teacher_fit"])})


def stages_after(name: str, values: Mapping[str, Any]) -> tuple[str, ...]:
    """Return a stage and all that stand on it, in the order of the plan."""
    found = [name]
    for stage in plan(values):
        if set(stage.upstream).intersection(found):
            found.append(stage.name)
    return tuple(found)


def _settled(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings without those that came later and say nothing new."""
    kept = {name: value for name, value in settings.items() if name not in LATER or value != LATER[name]}
    return {name: _settled(value) if isinstance(value, Mapping) else value for name, value in kept.items()}


def is_done(stage: PlannedStage, record: RunRecord, folder: RunFolder) -> bool:
    """Whether a stage was finished with today's settings and all its files are whole."""
    finished = record.stages.get(stage.name)
    return finished is not None and finished.key == stage.key and _lacking(stage, finished, folder) is None


def _lacking(stage: PlannedStage, finished: StageRecord, folder: RunFolder) -> str | None:
    later = LATER_FILES.get(stage.name)
    return later if later and later not in finished.files else finished.missing(folder.path)


def reason_to_redo(stage: PlannedStage, record: RunRecord, folder: RunFolder) -> str | None:
    """Return why a stage that was finished once must be done again; None where it never was."""
    finished = record.stages.get(stage.name)
    if finished is None:
        return None
    if finished.key == stage.key:
        lacking = _lacking(stage, finished, folder)
        return None if lacking is None else f"{lacking} is missing or was changed"
    found = list(changes("", finished.settings, stage.settings))
    return "; ".join(found[:3]) if found else "an earlier stage changed"


def changes(prefix: str, before: Any, after: Any) -> Iterator[str]:
    """Yield a few words for every setting that differs; `prefix` is what the settings are under."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            unsaid = None if prefix.endswith("model_args") else LATER.get(name)  # a model's own arguments are not ours
            was, now = (values.get(name, unsaid) for values in (before, after))
            yield from changes(f"{prefix}.{name}" if prefix else str(name), was, now)
    elif before != after:
        was, now = ("not set" if value in ("", None) else value for value in (before, after))
        if was != now:
            yield f"{prefix} was {was}, is {now}"
