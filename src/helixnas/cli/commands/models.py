"""What the verbs about finished models do: models, export, finetune, validate."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.errors import ConfigError


def models(console: Console) -> None:
    """List the models of the zoo with their sizes."""
    from helixnas.zoo import ZOO, model_size

    console.print(f"{'model':<10} {'parameters':>12} {'multiply-adds':>16} {'pixels':>7}", highlight=False)
    for name in ZOO:
        params, macs, image_size = model_size(name)
        console.print(f"{name:<10} {params:>12,} {macs:>16,} {image_size:>7}", highlight=False)
    for text in (
        "helixnas   any architecture: arch=architecture.json",
        'No weights are published. In Python: import helixnas.zoo; timm.create_model("dna_c")',
    ):
        console.print(text, highlight=False, soft_wrap=True, markup=False)


def validate(options: Any, console: Console) -> None:
    """Say how often a model is right, how fast and how large it is."""
    from helixnas.engine import Runtime, RuntimeConfig
    from helixnas.models.validation import show_validation
    from helixnas.models.validation import validate as run

    opened = _open(options)
    runtime = Runtime(RuntimeConfig(device=options.device, num_threads=options.num_threads))
    images, _ = _images(options, opened, labelled=True)
    show_validation(console, opened, run(opened, images, runtime=runtime, batch_size=options.batch_size or None))


def export(options: Any, console: Console) -> None:
    """Write a model for another program, and compare the two."""
    from helixnas.engine import Runtime, RuntimeConfig
    from helixnas.models.exporting import export as run
    from helixnas.models.exporting import show_export

    opened = _open(options)
    Runtime(RuntimeConfig(device="cpu", num_threads=options.num_threads))
    images, origin = _images(options, opened, labelled=False)
    path = Path(options.out) if options.out else None
    found = run(opened, images, format=options.format, path=path, tolerance=options.tolerance, origin=origin)
    show_export(console, opened, found)


def finetune(options: Any, console: Console) -> None:
    """Train a finished model on other images."""
    from helixnas.cli.settings import read_training
    from helixnas.engine import Runtime, RuntimeConfig
    from helixnas.models.finetuning import finetune as run
    from helixnas.models.finetuning import show_finetuned
    from helixnas.engine.progress import ConsoleReporter
    from helixnas.models.validation import data_config
    from helixnas.retrain import FinetuneConfig

    if not options.data:
        raise ConfigError("fine-tuning needs images: --data with a folder, a tar or the name of a data set")
    config = _with_options(read_training(options.recipe, FinetuneConfig, "fine-tuning recipe"), options)
    opened = _open(options)
    named = data_config(
        opened, options.data, root=options.root, split=options.split, image_size=config.image_size or options.image_size
    )
    data = replace(named, evaluation_split=options.evaluation_split)
    title = (data.name or Path(data.root).stem).replace("/", "-")
    out = Path(options.out or f"finetuned/{opened.name.replace('/', '-').replace(':', '-')}-{title}")
    settings = RuntimeConfig(device=options.device, num_threads=options.num_threads, precision=options.precision)
    figures = run(
        opened,
        data,
        config,
        out=out,
        runtime=Runtime(settings),
        reporter=ConsoleReporter(console),
        seed=options.seed,
    )
    show_finetuned(console, opened, out, figures)


def _with_options(config: Any, options: Any) -> Any:
    """Return a fine-tuning recipe with what the options replace."""
    chosen = {name: options[name] for name in ("num_epochs", "microbatch_size") if options[name]}
    size = {"image_size": options.image_size} if options.image_size else {}
    return replace(config, fit=replace(config.fit, **chosen), **size)


def _open(options: Any) -> Any:
    from helixnas.models.opening import open_model

    return open_model(options.model, weights=options.weights, arch=options.arch, name=options.name)


def _images(options: Any, opened: Any, *, labelled: bool) -> tuple[Any, Any]:
    """Return the images that were named, else those of the run; and what its model card tells of the data."""
    from helixnas.cli.settings import recipe_from_settings
    from helixnas.models.exporting import Origin
    from helixnas.engine.progress import Reporter
    from helixnas.pipeline.context import Session
    from helixnas.models.validation import data_for

    if opened.run is None and not options.data:
        raise ConfigError(f"{opened.name} comes without images; give --data a folder, a tar or the name of a data set")
    origin, images = None, None
    if opened.run is not None:
        recipe = recipe_from_settings(opened.run.load_settings(), where=str(opened.run.config))
        data = recipe.data.name or Path(recipe.data.root).name
        if not options.data:
            splits = Session(recipe, opened.run, Reporter()).data
            images = splits.evaluation or (None if labelled else splits.rating)
            origin = Origin(data=data, class_names=splits.class_names)
        else:
            origin = Origin(data=data)
    if options.data:
        images = data_for(opened, options.data, root=options.root, split=options.split, image_size=options.image_size)
    if images is None:
        raise ConfigError(f"the images of the run {options.model} have no labels; give --data labelled ones")
    return images, origin
