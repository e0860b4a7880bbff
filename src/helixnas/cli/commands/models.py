"""Commands of finished models: models, validate, finetune, export."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import say, say_generation
from helixnas.cli.settings import read_training, recipe_from_settings
from helixnas.errors import ConfigError
from helixnas.retrain.config import FinetuneConfig

WORDING = (
    (", or set data.labels to false", ""),
    (" and data.labels=true", ""),
    ("set data.num_workers to 0, or ", ""),
    (" and data.num_workers", ""),
    (", or set data.evaluation_split to empty text", ""),
    ("data.download: true", "--download"),
    ("data.name: ", "--data "),
    ("data.name", "--data"),
    ("data.root", "--root"),
    ("data.image_size", "--image-size"),
    ("runtime.num_threads", "--num-threads"),
    ("runtime.device", "--device"),
    ("runtime.precision", "--precision"),
)
"""Parts of messages about images and the machine, which name the settings of a recipe, in the options of these commands."""


OF_DATA = {"root": "", "split": "validation", "download": False, "image_size": 0}
"""Options that say more about the images of --data, with their defaults."""


def add_model(parser: Parser) -> None:
    """Add the options that name a model, for `open_named`."""
    parser.option("model", metavar="MODEL", help="the folder of a run, a model folder, a timm folder, or a timm name")
    parser.option("--name", help="for a run: the search whose network to use")
    where = (
        "for a timm name: hub (timm's own), package (EfficientNet-Lite0), none or a file of weights; for a run: inherited, "
        "from its supernet"
    )
    parser.option("--weights", metavar="WHERE", default="", help=where)
    parser.option("--arch", metavar="FILE", default="", help="for the model helixnas: its architecture.json")


def _add_images(parser: Parser, *, split: str, otherwise: str = "; those of the run if not given") -> None:
    where = f"images: a folder, a tar, digits, parquet, torch/..., hfds/..., wds/...{otherwise}"
    parser.option("--data", metavar="WHERE", default="", help=where)
    parser.option("--root", metavar="DIR", default="", help="folder of a named data set")
    parser.option("--split", default=split, help="split or sub-folder of the data")
    parser.flag("--download", "let torchvision download a named data set into --root")
    parser.whole("--image-size", 0, "image height and width in pixels; 0 for the model's")
    parser.whole("--num-threads", 0, "CPU threads; 0 for torch's choice")


def _models(options: Namespace, console: Console) -> None:
    from helixnas.zoo import ZOO, model_size

    say(console, f"{'model':<10} {'parameters':>12} {'multiply-adds':>16} {'pixels':>7}")
    for name in ZOO:
        params, macs, image_size = model_size(name)
        say(console, f"{name:<10} {params:>12,} {macs:>16,} {image_size:>7}")
    say(console, "helixnas   any architecture: arch=architecture.json")
    say(console, 'No weights are published. In Python: import helixnas.zoo; timm.create_model("dna_c")')


def _add_validate_options(parser: Parser) -> None:
    add_model(parser)
    _add_images(parser, split="validation")
    parser.whole("--batch-size", 0, "images per forward pass; 0 for 64, or all if there are fewer")
    parser.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")


def _validate(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.models import show_validation
    from helixnas.engine import Runtime
    from helixnas.engine.config import RuntimeConfig
    from helixnas.models.validation import validate

    opened = open_named(options, console)
    runtime = Runtime(RuntimeConfig(device=options.device, num_threads=options.num_threads))
    images, _ = _images(options, opened, labelled=True)
    show_validation(console, opened, validate(opened, images, runtime=runtime, batch_size=options.batch_size or None))


def _add_export_options(parser: Parser) -> None:
    add_model(parser)
    parser.option("--format", choices=("onnx", "pt2", "timm"), default="onnx", help="format of the file or folder")
    parser.option("--out", metavar="PATH", help="the file or folder; beside the model of a run if not given")
    parser.number("--tolerance", 1e-4, "largest accepted difference of a logit from PyTorch", least=0.0)
    _add_images(parser, split="validation")


def _export(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.models import show_export
    from helixnas.engine import Runtime
    from helixnas.engine.config import RuntimeConfig
    from helixnas.models.exporting import export

    opened = open_named(options, console)
    Runtime(RuntimeConfig(device="cpu", num_threads=options.num_threads))
    images, origin = _images(options, opened, labelled=False)
    path = Path(options.out) if options.out else None
    found = export(opened, images, format=options.format, path=path, tolerance=options.tolerance, origin=origin)
    show_export(console, opened, found)


def _add_push_options(parser: Parser) -> None:
    add_model(parser)
    parser.option("repo", metavar="REPO", help="name on the hub: OWNER/NAME")
    parser.flag("--private", "make a new repository that only you can see")
    _add_images(parser, split="validation")


def _push(options: Namespace, console: Console) -> None:
    from huggingface_hub import HfApi

    from helixnas.engine import Runtime
    from helixnas.engine.config import RuntimeConfig
    from helixnas.models.pushing import check_repo, push

    check_repo(options.repo)
    opened = open_named(options, console)
    Runtime(RuntimeConfig(device="cpu", num_threads=options.num_threads))
    images, origin = _images(options, opened, labelled=False)
    address = push(opened, images, options.repo, HfApi(), private=options.private, origin=origin)
    say(console, f"uploaded: {address}")
    say(console, f'in Python: import helixnas.zoo; timm.create_model("hf-hub:{options.repo}", pretrained=True)')


def _add_finetune_options(parser: Parser) -> None:
    add_model(parser)
    recipe = "a fine-tuning recipe (helixnas recipes) or YAML file"
    parser.option("--recipe", metavar="NAME", default="small", help=recipe)
    parser.option("--out", metavar="DIR", help="folder of the model; finetuned/MODEL-DATA if not given")
    _add_images(parser, split="train", otherwise="")
    split = "split for the final accuracy; a fifth of the images if there is no split of that name"
    parser.option("--evaluation-split", metavar="SPLIT", default="validation", help=split)
    parser.flag(
        "--dry-run", "show steps, sizes and memory only, for torch/cifar10 or torch/cifar100 without their images"
    )
    parser.whole("--num-epochs", 0, "passes over the training images; 0 for the recipe's")
    parser.whole("--microbatch-size", 0, "images per forward and backward pass; 0 for the recipe's")
    parser.whole("--seed", 0, "seed of splits, order, augmentation and the new head")
    parser.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    precisions = ("auto", "fp32", "bf16", "fp16")
    parser.option("--precision", choices=precisions, default="fp32", help="precision of forward passes")


def _finetune(options: Namespace, console: Console) -> None:
    if not options.data:
        raise ConfigError("fine-tuning needs images: --data with a folder, a tar or the name of a data set")
    config = read_training(options.recipe, FinetuneConfig, "fine-tuning recipe")
    chosen = {name: value for name in ("num_epochs", "microbatch_size") if (value := getattr(options, name))}
    size = {"image_size": options.image_size} if options.image_size else {}
    config = replace(config, fit=replace(config.fit, **chosen), **size)
    from helixnas.cli.tables.models import show_finetuned
    from helixnas.engine import Runtime
    from helixnas.engine.config import RuntimeConfig
    from helixnas.engine.console import ConsoleReporter
    from helixnas.models.finetuning import finetune
    from helixnas.models.validation import data_config

    opened = open_named(options, console)
    if options.dry_run:
        from helixnas.cli.tables.training_plan import show_plan
        from helixnas.models.training_plan import plan_finetuning

        plan = plan_finetuning(opened, options.data, config)
        show_plan(console, f"fine-tuning: {opened.name}", plan, config.fit)
        return
    place = {"root": options.root, "split": options.split, "download": options.download}
    named = data_config(opened, options.data, image_size=config.image_size, **place)
    data = replace(named, evaluation_split=options.evaluation_split)
    title = (data.name or Path(data.root).stem).replace("/", "-")
    out = Path(options.out or f"finetuned/{opened.name.replace('/', '-').replace(':', '-')}-{title}")
    settings = RuntimeConfig(device=options.device, num_threads=options.num_threads, precision=options.precision)
    runtime, reporter = Runtime(settings), ConsoleReporter(console)
    figures = finetune(opened, data, config, out=out, runtime=runtime, reporter=reporter, seed=options.seed)
    show_finetuned(console, opened, out, figures)


def open_named(options: Namespace, console: Console) -> Any:
    """Open the model that the options name; of generations that of the best, and say which."""
    from helixnas.models.opening import INHERITED, open_model

    if options.weights == INHERITED:
        opened = _open_inherited(options)
    else:
        opened = open_model(options.model, weights=options.weights, arch=options.arch, name=options.name)
    if opened.is_of_generation and opened.run is not None:
        say_generation(console, opened.run, is_best=True)
    return opened


def _open_inherited(options: Namespace) -> Any:
    """Open the network of a run, or of the best of generations, with the supernet's weights."""
    from dataclasses import replace

    from helixnas.artifacts.lineage import LineageFolder
    from helixnas.artifacts.run_folder import RunFolder
    from helixnas.engine.progress import Reporter
    from helixnas.pipeline.ad_hoc.inherited import open_inherited
    from helixnas.pipeline.context import Context

    path = Path(options.model)
    lineage = LineageFolder(path)
    run = lineage.best(options.name or "") if lineage.exists() else RunFolder(path)
    if not run.exists():
        raise ConfigError(f"--weights inherited needs the folder of a run, and {options.model} is none")
    if options.arch:
        raise ConfigError("--weights inherited takes the network of a search; leave --arch out")
    recipe = recipe_from_settings(run.load_settings(), where=str(run.config))
    opened = open_inherited(Context(recipe, run, Reporter()), options.name)
    return replace(opened, name=f"{path.name}-{opened.name}", is_of_generation=True) if lineage.exists() else opened


def _images(options: Namespace, opened: Any, *, labelled: bool) -> tuple[Any, Any]:
    """Return the images of --data, else those of the run, and the data's part of the model card."""
    from helixnas.engine.progress import Reporter
    from helixnas.models.exporting import Origin
    from helixnas.models.validation import data_for
    from helixnas.pipeline.context import Context

    images = None
    if options.data:
        place = {"root": options.root, "split": options.split, "download": options.download}
        images = data_for(opened, options.data, image_size=options.image_size, **place)
    elif opened.run is None:
        raise ConfigError(f"{opened.name} comes without images; give --data a folder, a tar or the name of a data set")
    else:
        _check_own_images(options)
    if opened.run is None:
        return images, None
    recipe = recipe_from_settings(opened.run.load_settings(), where=str(opened.run.config))
    origin = Origin(data=recipe.data.name or Path(recipe.data.root).name)
    if images is not None:
        return images, origin
    splits = Context(recipe, opened.run, Reporter()).data
    images = splits.evaluation or (None if labelled else splits.rating)
    if images is None:
        raise ConfigError(f"the images of the run {options.model} have no labels; give --data labelled ones")
    return images, replace(origin, class_names=splits.class_names)


def _check_own_images(options: Namespace) -> None:
    """Raise `ConfigError` for an option of images that are named, where those of the run are taken."""
    for name, usual in OF_DATA.items():
        if getattr(options, name) != usual:
            raise ConfigError(
                f"--{name.replace('_', '-')} is about the images of --data, but without --data those of the run are taken; "
                "name images, or leave it out"
            )


COMMANDS = (
    Command(name="models", purpose="list the models of the zoo with their sizes", run=_models),
    Command(
        name="validate",
        purpose="measure the accuracy, speed and size of a model",
        example="helixnas validate runs/digits --name small",
        add_options=_add_validate_options,
        run=_validate,
        wording=WORDING,
    ),
    Command(
        name="finetune",
        purpose="train a finished model on other images",
        example="helixnas finetune runs/digits --name small --data my/photos",
        add_options=_add_finetune_options,
        run=_finetune,
        wording=WORDING,
    ),
    Command(
        name="export",
        purpose="write a model as ONNX, pt2 or a folder for timm and the Hugging Face hub",
        example="helixnas export runs/digits --name small --format onnx",
        add_options=_add_export_options,
        run=_export,
        wording=WORDING,
    ),
    Command(
        name="push",
        purpose="upload a model with its card to the Hugging Face hub",
        example="helixnas push runs/digits me/small-digits --name small --private",
        add_options=_add_push_options,
        run=_push,
        wording=WORDING,
    ),
)
