"""Commands of transferred networks: transfer, predict."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.commands.models import add_model, open_named
from helixnas.cli.option_values import say
from helixnas.cli.settings import read_training
from helixnas.data.source import find_root
from helixnas.errors import ConfigError
from helixnas.transfer.config import HEADS, TransferConfig

SMALL = {"segmentation": "camvid", "detection": "bccd"}
"""The recipe of a task if none is named."""

WORDING = (
    ("set data.num_workers to 0", "set num_workers of the recipe to 0"),
    ("data.num_workers", "--num-workers"),
    ("runtime.num_threads", "--num-threads"),
    ("runtime.device", "--device"),
    ("runtime.precision", "--precision"),
)


CIFAR = ("cifar", "cifar10", "cifar100")
"""What the paper's transfer to CIFAR may be called, which is fine-tuning."""


def _add_machine(parser: Parser) -> None:
    parser.whole("--num-threads", 0, "CPU threads; 0 for torch's choice")
    parser.option("--device", default="auto", help="auto, cpu, cuda, cuda:1, mps")
    precisions = ("auto", "fp32", "bf16", "fp16")
    parser.option("--precision", choices=precisions, default="fp32", help="precision of forward passes")


def _add_transfer_options(parser: Parser) -> None:
    add_model(parser)
    parser.option(
        "--data",
        metavar="DIR",
        default="",
        help="data set in the layout of Pascal VOC, COCO or ADE20K; also looked up in $HELIXNAS_DATA",
    )
    parser.option(
        "--task", choices=tuple(SMALL), default="", help="segmentation or detection; the recipe's if not given"
    )
    recipe = "a transfer recipe (helixnas recipes) or YAML file; camvid or bccd, by the task, if not given"
    parser.option("--recipe", metavar="NAME", default="", help=recipe)
    where = (
        "folder of the network; if not given, transferred/MODEL-RECIPE or inside the run (-inherited and -seed-N added)"
    )
    parser.option("--out", metavar="DIR", help=where)
    parser.flag("--dry-run", "show steps, sizes and memory only; without --data, for the recipe's published data set")
    parser.option("--split", default="", help="split to train on; the recipe's if not given")
    parser.option(
        "--evaluation-split", metavar="SPLIT", default="", help="split for the figures; the recipe's if not given"
    )
    parser.option("--head", choices=HEADS, default="", help="head of a segmenter; the recipe's if not given")
    parser.whole("--image-size", 0, "crop or shorter side in pixels; 0 for the recipe's")
    parser.whole("--num-epochs", 0, "passes over the training images; 0 for the recipe's")
    parser.whole("--batch-size", 0, "images per optimizer step; 0 for the recipe's")
    parser.whole("--microbatch-size", 0, "images per forward and backward pass; 0 for the recipe's")
    parser.whole("--num-workers", 0, "processes that read images; 0 for the recipe's")
    parser.whole("--seed", 0, "seed of order, augmentation and the new layers")
    _add_machine(parser)


def _transfer(options: Namespace, console: Console) -> None:
    config = _config(options)
    if not options.data and not options.dry_run:
        raise ConfigError("a transfer needs images: --data with a folder in the layout of Pascal VOC, COCO or ADE20K")
    data = find_root(options.data) if options.data else None  # a wrong path is told before torch is loaded
    from helixnas.transfer.extra import LIBRARIES, require_extra

    require_extra(*LIBRARIES)
    from helixnas.cli.tables.training_plan import show_plan
    from helixnas.cli.tables.transfer import show_transferred
    from helixnas.engine.console import ConsoleReporter
    from helixnas.transfer.dry_run import plan_transfer
    from helixnas.transfer.training import transfer

    opened = open_named(options, console)
    if options.dry_run:
        what = config.head if config.task == "segmentation" else "Faster R-CNN C4"
        show_plan(console, f"{config.task}: {opened.name}, {what}", plan_transfer(opened, data, config), config.fit)
        return
    assert data is not None, "checked above"
    out = Path(options.out) if options.out else _out(options, opened)
    reporter = ConsoleReporter(console)
    figures = transfer(opened, data, config, out=out, runtime=_runtime(options), reporter=reporter, seed=options.seed)
    show_transferred(console, opened, out, figures)
    if opened.run is not None and out.resolve().parent == _inside(opened).resolve():
        from helixnas.report import build_report

        say(console, f"the report of the run links to it: {build_report(opened.run.path)}")


def _config(options: Namespace) -> TransferConfig:
    """Return the settings of the recipe with the options that replace them."""
    if not (options.recipe or options.task):
        raise ConfigError("name the task (--task segmentation or detection) or a recipe (--recipe; helixnas recipes)")
    name = options.recipe or SMALL[options.task]
    if name in CIFAR:
        raise ConfigError(
            f"{name} is no transfer recipe: its images have a class each, so use helixnas finetune MODEL --recipe cifar --data "
            f"torch/{'cifar10' if name == 'cifar10' else 'cifar100'}"
        )
    config = read_training(name, TransferConfig, "transfer recipe")
    if options.task and options.task != config.task:
        raise ConfigError(f"the recipe {name} is for {config.task}, not for {options.task}; choose another --recipe")
    if options.head and config.task != "segmentation":
        raise ConfigError(f"--head is for segmentation, and the recipe {name} is for {config.task}")
    fit = {each: value for each in ("num_epochs", "batch_size", "microbatch_size") if (value := getattr(options, each))}
    names = ("split", "evaluation_split", "head", "image_size", "num_workers")
    own = {each: value for each in names if (value := getattr(options, each))}
    return replace(config, fit=replace(config.fit, **fit), **own)


def _out(options: Namespace, opened: Any) -> Path:
    """Return the default folder: inside the search of a run, else one named after the model.

    Its name tells the recipe, and weights of the supernet and a seed other than 0, so that these lie side by side.
    """
    parts = [Path(options.recipe or SMALL[options.task]).stem]
    parts += ["inherited"] * (options.weights == "inherited") + [f"seed-{options.seed}"] * (options.seed != 0)
    if opened.run is not None:
        return _inside(opened) / "-".join(parts)
    return Path("transferred") / "-".join([opened.name.replace("/", "-").replace(":", "-"), *parts])


def _inside(opened: Any) -> Path:
    """Return the folder in a run whose networks the run's report links to."""
    return opened.run.search(opened.search) / "transfer"


def _runtime(options: Namespace) -> Any:
    from helixnas.engine import Runtime
    from helixnas.engine.config import RuntimeConfig

    settings = {"device": options.device, "num_threads": options.num_threads, "precision": options.precision}
    return Runtime(RuntimeConfig(**settings))


def _add_predict_options(parser: Parser) -> None:
    parser.option("folder", metavar="FOLDER", help="folder that helixnas transfer wrote")
    parser.option("images", metavar="IMAGES", help="a folder of images, or one image")
    parser.option("--out", metavar="DIR", help="folder of the pictures; FOLDER/predictions if not given")
    _add_machine(parser)


def _predict(options: Namespace, console: Console) -> None:
    from helixnas.transfer.extra import LIBRARIES, require_extra

    require_extra(*LIBRARIES)
    from helixnas.engine.console import ConsoleReporter
    from helixnas.transfer.prediction import predict
    from helixnas.transfer.record import TransferFolder

    out = Path(options.out) if options.out else Path(options.folder) / "predictions"
    folder, reporter = TransferFolder(Path(options.folder)), ConsoleReporter(console)
    number = predict(folder, Path(options.images), out, runtime=_runtime(options), reporter=reporter)
    say(console, f"{number:,} picture{'s' if number > 1 else ''} written: {out}")


COMMANDS = (
    Command(
        name="transfer",
        purpose="train a finished model as the backbone of a segmenter or detector",
        example="helixnas transfer runs/digits --name small --task segmentation --data camvid-voc",
        details="Figures are measured on a split that is not trained on. The folder has a report with pictures.",
        add_options=_add_transfer_options,
        run=_transfer,
        wording=(
            (" or --image-size, or data.image_size", " or --image-size"),
            *WORDING,
            ("data.image_size", "--image-size"),
        ),
    ),
    Command(
        name="predict",
        purpose="draw the predictions of a transferred network over images",
        example="helixnas predict transferred/tf_efficientnet_lite0-camvid photos/ --out drawn",
        add_options=_add_predict_options,
        run=_predict,
        wording=(*WORDING, ("data.image_size", "the size of the images")),
    ),
)
