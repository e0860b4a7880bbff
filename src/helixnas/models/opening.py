"""Opening a model: from a run, a model folder, a timm folder, or by a timm name with weights."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
from timm.data import resolve_data_config
from torch import nn

from helixnas.artifacts.files import read_json
from helixnas.artifacts.lineage import LineageFolder
from helixnas.artifacts.run_folder import RunFolder
from helixnas.errors import ArtifactError, ConfigError, UnknownNameError
from helixnas.nn import build_seeded
from helixnas.nn.extensions import import_modules
from helixnas.retrain import load_model
from helixnas.teacher.config import WEIGHT_FILES
from helixnas.teacher.weights import classes_in, hub_text, load_package, load_weights, read_weights
from helixnas.zoo import HELIXNAS, ZOO, create_model, require_known_model

SETTING = "--weights"
INHERITED = "inherited"
"""In place of weights, for a run: those of its supernet."""

FILES_OF_MODELS = ("record.json", "generations.json", "architecture.json", "config.json")
"""Files by which a folder is known to hold a model, also where timm has a model of the folder's name."""

NOT_TIMM = ("hf-hub:", "hf_hub:", "local-dir:")


@dataclass(frozen=True, kw_only=True)
class OpenedModel:
    """A model in eval mode and its origin."""

    model: nn.Module
    """Takes normalised images."""

    name: str
    """For titles and file names."""

    trained: bool
    weights: str = ""
    """Where the weights of a named model come from and how they were read; empty for a folder, which holds its own."""

    run: RunFolder | None = None
    """The run that it was searched and retrained in."""

    is_of_generation: bool = False
    """Whether that run is the best of several generations, which were named."""

    search: str = ""
    folder: Path | None = None
    """Its model folder in that run."""

    @property
    def shown(self) -> dict[str, Any]:
        """Its preprocessing: input_size, mean, std, crop_pct, interpolation."""
        found: Mapping[str, Any] = resolve_data_config({}, model=self.model)
        return {name: found[name] for name in ("input_size", "mean", "std", "crop_pct", "interpolation")}


def open_model(reference: str, *, weights: str = "", arch: str = "", name: str | None = None) -> OpenedModel:
    """Open a model.

    Args:
        reference: the folder of a run, of generations (of which the best counts), a model folder in a run, a folder of timm's
            format, or a timm model's name.
        weights: for a name: a file, such as .safetensors, .pt or .pth; hub, timm's own; package, those of EfficientNet-Lite0;
            none, a random start; empty, timm's own where the name is one of timm's.
        arch: for the name helixnas, the architecture.json.
        name: for a run, which search's retrained network.

    Raises:
        ArtifactError: there is no such folder, or a file in it is missing or damaged.
        UnknownNameError: timm has no such model, or the run no such search.
        TeacherError: the weights do not fit; the message says which tensors differ.
        ConfigError: weights are needed and none are named.
    """
    path = Path(reference)
    if path.is_dir() and not (timm.is_model(reference) and not _is_model_folder(path)):
        if weights or arch:
            own = f"; for a run, {SETTING} {INHERITED} takes its supernet's" if RunFolder(path).exists() else ""
            raise ConfigError(
                f"{reference} is a folder with its own weights; other {SETTING} and --arch are for names of timm{own}"
            )
        return _open_folder(path, name)
    if path.is_file() or path.suffix in (*WEIGHT_FILES, ".json"):
        raise ConfigError(f"{reference} is a file; name the model and give the file by {SETTING} (or --arch)")
    if len(path.parts) > 1 and not reference.startswith(NOT_TIMM):
        raise ArtifactError(f"there is no folder {reference}; give a run, a model folder or a timm name")
    _check_no_search(reference, name)
    model, source = _named(reference, weights, arch)
    return OpenedModel(model=model.eval(), name=reference, trained=weights != "none", weights=source)


def _check_no_search(reference: str, name: str | None) -> None:
    """Raise `ConfigError` where a search is named of what is no run."""
    if name is not None:
        raise ConfigError(f"--name chooses a search of a run, and {reference} is none; leave it out")


def _open_folder(path: Path, name: str | None) -> OpenedModel:
    lineage = LineageFolder(path)
    is_of_generation = lineage.exists()
    run = lineage.best(name or "") if is_of_generation else RunFolder(path)
    if run.exists():
        run.load_record()
        import_modules(str(each) for each in run.load_settings().get("imports") or ())
        chosen, folder = _trained_search(run, name, resume=(lineage if is_of_generation else run).resume_command)
        names = (path.name, *([run.path.name] if is_of_generation else []), chosen)
        return OpenedModel(
            model=load_model(folder),
            name="-".join(names),
            trained=True,
            run=run,
            is_of_generation=is_of_generation,
            search=chosen,
            folder=folder,
        )
    _check_no_search(str(path), name)
    if (path / "architecture.json").is_file() and (path / "input.json").is_file():
        return OpenedModel(model=load_model(path), name=path.name, trained=True)
    if (path / "config.json").is_file():
        config = read_json(path / "config.json")
        known = config.get("architecture") if isinstance(config, dict) else None
        if not isinstance(known, str):
            raise ArtifactError(f"{path / 'config.json'} is not timm's: it names no architecture")
        require_known_model(known)
        model = _create(f"local-dir:{path}", {"pretrained": True})
        return OpenedModel(model=model.eval(), name=path.name, trained=True)
    raise ArtifactError(
        f"{path} holds no model: no record of a run, no architecture.json with input.json, and no timm config.json"
    )


def _trained_search(run: RunFolder, name: str | None, *, resume: str) -> tuple[str, Path]:
    """Return the chosen search and the folder of its retrained network."""
    searches = run.search_names()
    if name is not None and name not in searches:
        raise UnknownNameError("search", name, searches)
    as_found = f"{SETTING} {INHERITED} takes the supernet's weights"
    untrained = f"its recipe leaves retraining out, and {as_found}" if _leaves_retraining_out(run) and searches else ""
    ready = {each: folder for each in searches if (folder := run.model(each)) is not None}
    if name is not None and name not in ready:
        raise ArtifactError(
            f"the network of search {name} is not retrained yet; "
            + (untrained or f"helixnas retrain {run.path} --name {name}, or {as_found}")
        )
    if name is None and len(ready) != 1:
        if not ready:
            continued = f"continue with: {resume}" + (f"; or {as_found}" if searches else "")
            raise ArtifactError(f"no network of {run.path} is retrained yet; {untrained or continued}")
        raise ConfigError(f"{run.path} has several retrained networks; choose one with --name {' or '.join(ready)}")
    chosen = name or next(iter(ready))
    return chosen, ready[chosen]


def _leaves_retraining_out(run: RunFolder) -> bool:
    return run.load_settings().get("retrain", {}) is None


def _named(name: str, weights: str, arch: str) -> tuple[nn.Module, str]:
    """Build a model by its timm name; return it and the source of its weights in words."""
    require_known_model(name)
    arguments: dict[str, Any] = {"arch": arch} if arch else {}
    if arch and name != HELIXNAS:
        raise ConfigError(f"--arch is for the model {HELIXNAS}; {name} has its own architecture")
    if weights == "none":
        return build_seeded(lambda: _create(name, arguments), (0,)), "none (random)"  # always the same network
    if weights in ("", "hub"):
        if name.partition(".")[0] in (*ZOO, HELIXNAS, "small_resnet"):
            raise ConfigError(
                f"no weights of {name} are published with HelixNAS; give {SETTING} a file, or none for an untrained model"
            )
        model = _create(name, {**arguments, "pretrained": True})
        return model, hub_text(model)
    model = _create(name, arguments)
    if weights == "package":
        return model, load_package(model, whose=name)
    found = read_weights(Path(weights), model.state_dict().keys(), setting=SETTING)
    outputs = classes_in(found.tensors, model)
    if outputs not in (None, getattr(model, "num_classes", None)):
        model = _create(name, {**arguments, "num_classes": outputs})
    load_weights(model, found.tensors, found.title, whose=name)
    return model, found.summary


def _create(name: str, arguments: Mapping[str, Any]) -> Any:
    hint = f"timm's own weights come from the Hugging Face hub; {SETTING} names others"
    return create_model(name, arguments, title=f"the model {name!r}", error=ConfigError, hint=hint)


def _is_model_folder(path: Path) -> bool:
    return any((path / name).is_file() for name in FILES_OF_MODELS)
