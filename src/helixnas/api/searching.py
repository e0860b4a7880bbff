"""search_architecture: a teacher, images and limits in, the best network within the limits out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from torch import nn

from helixnas.api.arguments import as_count, as_mapping, as_names, as_number, as_path
from helixnas.api.given_module import given_weights, precisions_of, register_module
from helixnas.api.run import Found, Run
from helixnas.artifacts.files import read_text, write_text
from helixnas.artifacts.run_folder import RunFolder
from helixnas.data.given import register_images
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, TeacherError
from helixnas.nn import save_weights
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import require_verb
from helixnas.search.config import Amount
from helixnas.settings import build, check_names
from helixnas.start.proposal import SEARCH, propose
from helixnas.start.recipe_text import heading, recipe_text
from helixnas.start.request import AUTO, Request

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
    say: Callable[[str], None] | None = None,
) -> Found:
    """Search the best network within limits, taught by `teacher`, and return it.

    The space, the batch sizes and the epochs are chosen as by `helixnas init`. The recipe is kept beside the folder of the run;
    a second call with the same arguments takes it as it is then, and does only what is left.

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
        say: receives what the run reports.

    Raises:
        HelixError: of the class that fits: `TeacherError`, `DataError`, `InfeasibleBudgetError`, `ConfigError`, ...
    """
    folder, limits = as_path(out, "out"), as_mapping(max, "max", {"macs": "40%"})
    wanted = as_mapping(settings or {}, "settings", {"distill": {"num_epochs": 2}})
    names = as_names(boundaries, "boundaries", ("layer1", "layer2"))
    check_names(Recipe, wanted, where="the settings")
    require_verb(until)
    if say is not None and not callable(say):
        raise ConfigError(f"say must be a function that takes a text, for example print, not {say!r}")
    if not isinstance(teacher, str | nn.Module):
        raise TeacherError(f"the teacher must be the name of a timm model or a torch.nn.Module, not {teacher!r}")
    reporter = _Saying(say) if say is not None else Reporter()
    name, source = _teacher(teacher, weights, folder, reporter)
    request = Request(
        teacher=name,
        weights=source,
        data=str(images) if isinstance(images, str | Path) else register_images(images),
        max=limits,
        student=student,
        hours=as_number(hours, "hours"),
        image_size=as_count(image_size, "image_size"),
        boundaries=names,
    )
    recipe = build(Recipe, _merged(_fitted(request, folder, reporter), wanted), where="the settings")
    if recipe.generations is not None:
        raise ConfigError("search_architecture searches once; run a recipe with generations by helixnas run")
    run = Run(recipe=recipe, folder=RunFolder(folder), reporter=reporter)
    if until == "retrain" and recipe.retrain is None:
        until = "search"
    run.until(until)
    return Found(run=run, name=SEARCH)


def _teacher(teacher: str | nn.Module, weights: str, folder: Path, reporter: Reporter) -> tuple[str, str]:
    """Return name and weights of a teacher; write those of a network of the user's own beside the run."""
    if isinstance(teacher, str):
        return teacher, weights
    name = register_module(teacher)
    if (precisions := precisions_of(teacher)) not in ((), ("float32",)):
        reporter.say(f"the teacher's weights are {' and '.join(precisions)}; its copy has them in float32")
    if weights == "none":
        return name, weights
    if weights != AUTO:
        raise ConfigError(f"a teacher that is a module has its own weights, or none; weights must not be {weights!r}")
    file = folder.with_name(f"{folder.name}-teacher.safetensors")
    save_weights(file, given_weights(name))
    return name, str(file)


def _fitted(request: Request, folder: Path, reporter: Reporter) -> dict[str, Any]:
    """Return the settings of the recipe that a request leads to, kept beside the run."""
    file = folder.with_name(f"{folder.name}.yaml")
    if not (file.is_file() and read_text(file).startswith(heading(request))):
        write_text(file, recipe_text(propose(request, reporter.say)))
    content = yaml.safe_load(read_text(file))
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


class _Saying(Reporter):
    """Passes sentences on."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self.pass_on = say

    def say(self, text: str) -> None:
        """Pass a sentence on."""
        self.pass_on(text)
