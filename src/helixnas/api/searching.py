"""search_architecture: a teacher, images and limits in, the best network within the limits out."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from helixnas.api.arguments import Say, as_count, as_mapping, as_names, as_number, as_path, as_reporter
from helixnas.api.given_module import given_weights, precisions_of, register_module
from helixnas.api.run import Found, Run
from helixnas.artifacts.files import read_text, require_writable, write_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.data.given import register_images
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, TeacherError
from helixnas.nn import save_weights
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import require_own, require_verb
from helixnas.search.config import Amount
from helixnas.settings import build, check_names
from helixnas.start.proposal import SEARCH, propose
from helixnas.start.recipe_text import heading, recipe_text
from helixnas.start.request import AUTO, Request, beside

Merged = Mapping[str, Any]


def search_architecture(
    teacher: str | nn.Module,
    images: Any,
    *,
    max: Mapping[str, Amount],
    out: str | Path,
    weights: str = AUTO,
    boundaries: Sequence[str] = (),
    student: str = "same",
    hours: float = 2.0,
    image_size: int = 0,
    settings: Mapping[str, Any] | None = None,
    until: str = "retrain",
    say: Say = "console",
) -> Found:
    """Search the best network within limits, taught by `teacher`, and return it.

    The space, the batch sizes and the epochs are chosen as by `helixnas init`. The recipe is kept beside the folder of the run;
    a second call with the same arguments takes it as it is then, and does only what is left. One with other arguments needs
    another `out`; other limits need only `Found.search`. Nothing is written before the arguments are checked.

    Args:
        teacher: a timm name, or any network that classifies images; one of your own is copied, in float32, and takes images
            normalised as its `pretrained_cfg` says, else as ImageNet's.
        images: a folder or tar, a name such as digits, or a torch `Dataset` or `DataLoader` of images (`register_images`).
        max: upper limit per resource: macs, params, activation_bytes, latency_ms; 2_000_000, "2M", or "40%" of the teacher's.
        out: folder of the run.
        weights: of a teacher by name: auto (timm's where there are any), hub, package, none (the run trains it), or a file. A
            network of your own has the weights that it has; none trains it on the images first.
        boundaries: names of the modules where blocks end; chosen if not given.
        student: mbconv, vit, or same, which is vit if the teacher's features all have one grid.
        hours: time that the run may take on this machine.
        image_size: height and width in pixels; 0 to choose by teacher and images.
        settings: further settings of the recipe, which replace the chosen ones: ``{"distill": {"num_epochs": 2}}``.
        until: the last stage to do: search (no retraining), retrain, report, ...
        say: where the run reports: console, with bars and the time left; a function, which gets lines; None for silence.

    Raises:
        HelixError: of the class that fits: `TeacherError`, `DataError`, `InfeasibleBudgetError`, `ConfigError`, ...
    """
    folder, limits = RunFolder(as_path(out, "out")), as_mapping(max, "max", {"macs": "40%"})
    wanted = as_mapping(settings or {}, "settings", {"distill": {"num_epochs": 2}})
    names = as_names(boundaries, "boundaries", ("layer1", "layer2"))
    check_names(Recipe, wanted, where="the settings")
    require_verb(until)
    reporter = as_reporter(say, folder.tensorboard)
    if not isinstance(teacher, str | nn.Module):
        raise TeacherError(f"the teacher must be the name of a timm model or a torch.nn.Module, not {teacher!r}")
    _require_answers(teacher=(teacher, "resnet18"), images=(images, "photos"), max=(limits, {"macs": "40%"}))
    held = {"teacher": isinstance(teacher, nn.Module), "data": not isinstance(images, str | Path)}
    name, source = (teacher, weights) if isinstance(teacher, str) else _named(teacher, weights, folder, reporter)
    request = Request(
        teacher=name,
        weights=source,
        data=register_images(images) if held["data"] else str(images),
        max=limits,
        student=student,
        hours=as_number(hours, "hours"),
        image_size=as_count(image_size, "image_size"),
        boundaries=names,
        given=tuple(answer for answer, is_held in held.items() if is_held),
    )
    file = beside(folder.path, ".yaml")
    require_writable(file)
    text = _recipe_text(request, file, reporter)
    recipe = build(Recipe, _merged(_settings(text, file), wanted), where="the settings")
    if recipe.generations is not None:
        raise ConfigError("search_architecture searches once; run a recipe with generations by helixnas run")
    require_own(recipe, folder)
    if isinstance(teacher, nn.Module) and source != "none":
        save_weights(Path(source), given_weights(name))
    if not file.is_file():
        write_text(file, text)
    reporter.say(f"recipe: {file}")
    run = Run(recipe=recipe, folder=folder, reporter=reporter)
    if until == "retrain" and recipe.retrain is None:
        until = "search"
    run.until(until)
    return Found(run=run, name=SEARCH)


def _require_answers(**answers: tuple[Any, Any]) -> None:
    """Raise `ConfigError` for an argument that is empty; each comes with an example."""
    for name, (value, example) in answers.items():
        if isinstance(value, str | Mapping) and not value:
            raise ConfigError(f"{name} must not be empty; give {name}={example!r}, for example")


def _named(teacher: nn.Module, weights: str, folder: RunFolder, reporter: Reporter) -> tuple[str, str]:
    """Return the name of a network of the user's own and the file for its weights, beside the run, or none."""
    if weights not in (AUTO, "none"):
        raise ConfigError(f"a teacher that is a module has its own weights, or none; weights must not be {weights!r}")
    file = beside(folder.path, "-teacher.safetensors")
    if (precisions := precisions_of(teacher)) not in ((), ("float32",)):
        reporter.say(f"the teacher's weights are {' and '.join(precisions)}; its copy has them in float32")
    return register_module(teacher), str(file) if weights == AUTO else weights


def _recipe_text(request: Request, file: Path, reporter: Reporter) -> str:
    """Return the recipe that a request leads to: that of the file beside the run, as it is now, else a new one."""
    if not file.exists():
        return recipe_text(propose(request, reporter.say))
    text = read_text(file)
    if not text.startswith(heading(request)):
        raise ConfigError(
            f"{file} is the recipe of a call with other arguments; for other limits call search(max=...) on its result, else "
            "choose another out, or remove the file"
        )
    return text


def _settings(text: str, file: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"the recipe {file} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ConfigError(f"the recipe {file} must hold settings; remove it to have it made again")
    return {str(key): value for key, value in content.items()}


def _merged(values: Merged, over: Merged) -> dict[str, Any]:
    """Return settings, replaced by others group by group; a space is replaced whole."""
    found = dict(values)
    for name, value in over.items():
        before = found.get(name)
        if isinstance(before, Mapping) and isinstance(value, Mapping) and name != "space":
            value = _merged(before, value)
        found[name] = value
    return found
