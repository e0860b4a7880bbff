"""Commands that run stages of an existing run: one command for each verb in the list of stages."""

from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace

from rich.console import Console

from helixnas.artifacts.baseline import PROXIES
from helixnas.cli.command import Command, Parser
from helixnas.cli.executor_options import add_executor_options, spread_of
from helixnas.cli.option_values import named_as_options, open_run, words
from helixnas.cli.settings import read_training
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.pipeline import stages
from helixnas.pipeline.recipe import Recipe
from helixnas.retrain.config import RetrainConfig

ELSEWHERE = ("costs", "search")
"""Verbs that do more than their stages; other modules define their commands."""


def _run(options: Namespace, console: Console) -> None:
    name = getattr(options, "name", None)
    recipe, folder = open_run(options.run, console, is_best=options.verb == "retrain", search=name or "")
    known = {*recipe.searches, *folder.search_names()}
    if name is not None and name not in known:
        raise UnknownNameError("search", name, known)
    chosen = getattr(options, "recipe", None)
    if chosen is not None:
        recipe = replace(recipe, retrain=read_training(chosen, RetrainConfig, "retraining recipe"))
    if options.verb in CHANGED:
        recipe = CHANGED[options.verb](recipe, options)
    kept = recipe
    init = getattr(options, "init", None)
    if init is not None and recipe.retrain is not None:
        recipe = replace(recipe, retrain=replace(recipe.retrain, init=init))
    blocks = _block_numbers(getattr(options, "blocks", ""))
    if blocks and spread_of(options) is not None:
        raise ConfigError(
            "--blocks trains blocks in this process, and --executor all of them on others; give one of the two"
        )
    from helixnas.engine.console import ConsoleReporter
    from helixnas.pipeline.run import run_stage

    reporter, spread = ConsoleReporter(console, folder.tensorboard), spread_of(options)
    run_stage(recipe, folder, reporter, verb=options.verb, name=name, blocks=blocks, spread=spread)
    if chosen is not None or options.verb in CHANGED:
        with folder.locked():
            folder.save_settings(kept.to_dict())


def _with_proxies(recipe: Recipe, options: Namespace) -> Recipe:
    """Return a recipe with the proxies that the options ask for, or its own."""
    number = recipe.proxies.num_networks if options.num_networks is None else options.num_networks
    with named_as_options("proxies"):
        scores = tuple(words(options.scores)) or recipe.proxies.scores
        return replace(recipe, proxies=replace(recipe.proxies, num_networks=number, scores=scores))


def _with_calibration(recipe: Recipe, options: Namespace) -> Recipe:
    """Return a recipe with the calibration that the options ask for, or its own."""
    config = recipe.calibration
    number = config.num_networks if options.num_networks is None else options.num_networks
    epochs = config.num_epochs if options.num_epochs is None else options.num_epochs
    scores = tuple(words(options.scores)) or config.scores
    with named_as_options("calibration"):
        init = options.init or config.init
        changed = replace(config, num_networks=number, num_epochs=epochs, scores=scores, init=init)
    return replace(recipe, calibration=changed)


def _block_numbers(text: str) -> tuple[int, ...]:
    parts = words(text)
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--blocks {text!r} must be numbers of blocks, for example 2 or 1,3")
    return tuple(sorted({int(part) for part in parts}))


def _add_distill_options(parser: Parser) -> None:
    parser.run_folder()
    blocks = "train only these blocks (numbered from 1) as an independent job"
    parser.option("--blocks", metavar="K,...", default="", help=blocks)
    add_executor_options(parser, what="train the blocks")


def _add_rate_options(parser: Parser) -> None:
    parser.run_folder()
    add_executor_options(parser, what="rate")


def _add_proxies_options(parser: Parser) -> None:
    parser.run_folder()
    parser.whole(
        "--num-networks", None, "random networks to score untrained, which the run keeps; the recipe's if not given"
    )
    parser.option("--scores", metavar="KIND,...", default="", help=f"{', '.join(PROXIES)}; the recipe's if not given")


def _add_calibrate_options(parser: Parser) -> None:
    parser.run_folder()
    parser.whole("--num-networks", None, "networks to train shortly, which the run keeps; the recipe's if not given")
    parser.whole("--num-epochs", None, "epochs of each training; the recipe's if not given")
    _add_init(parser)
    scores = "scores to correct, added up; the recipe's if not given"
    parser.option("--scores", metavar="KIND,...", default="", help=scores)
    add_executor_options(parser, what="train the networks", sizes=False)


def _add_init(parser: Parser) -> None:
    init = "initial weights: random, or inherited from the supernet; the recipe's choice if not given"
    parser.option("--init", choices=("scratch", "inherited"), help=init)


def _add_retrain_options(parser: Parser) -> None:
    parser.run_folder()
    parser.option("--name", help="search whose winner is trained; all of the recipe's if not given")
    _add_init(parser)
    recipe = "a retraining recipe (helixnas recipes) or YAML file, which the run keeps from now on"
    parser.option("--recipe", metavar="NAME", help=recipe)


OPTIONS: dict[str, Callable[[Parser], None]] = {
    "proxies": _add_proxies_options,
    "distill": _add_distill_options,
    "rate": _add_rate_options,
    "calibrate": _add_calibrate_options,
    "retrain": _add_retrain_options,
}

CHANGED: dict[str, Callable[[Recipe, Namespace], Recipe]] = {
    "proxies": _with_proxies,
    "calibrate": _with_calibration,
}
"""Verbs whose options change the recipe, which the run keeps."""


EXAMPLES = {
    "proxies": "helixnas proxies runs/digits --num-networks 100 --scores naswot,num_layers",
    "distill": "helixnas distill runs/digits --blocks 2",
    "calibrate": "helixnas calibrate runs/digits --num-networks 32 --num-epochs 2",
    "retrain": "helixnas retrain runs/digits --name small",
}


def command_of(verb: str) -> Command:
    """Return the command that runs the stages of a verb."""
    return Command(
        name=verb,
        purpose=next(stage.purpose for stage in stages.of_verb(verb) if stage.verb == verb and stage.purpose),
        example=EXAMPLES.get(verb, f"helixnas {verb} runs/digits"),
        add_options=OPTIONS.get(verb, Parser.run_folder),
        run=_run,
    )


COMMANDS = tuple(command_of(verb) for verb in stages.verbs() if verb not in ELSEWHERE)
