"""The verbs and their options."""

from jsonargparse import ArgumentParser

from helixnas.cli.model_options import add_model_options

VERBS = {
    "run": "go through a recipe: teacher, distill, rate, search, retrain, report",
    "teacher": "make the teacher of a run: load or train it",
    "costs": "count what every path costs, and measure its latency where asked",
    "distill": "train the supernet on the teacher's features",
    "rate": "rate every path of every block, and check that scores add up",
    "search": "find the best architecture under budgets",
    "verify": "check the certificates of searches with an independent solver",
    "retrain": "train a searched architecture, from scratch or from inherited weights",
    "rank": "rank a run's scores against trained accuracies, beside what size alone predicts",
    "baseline": "rank a benchmark's networks by another method (SPOS, FairNAS, DARTS, MnasNet), at what cost",
    "bench": "build a benchmark: train random networks of a space, to rank runs against",
    "study": "run variants of a recipe, and compare how well they rank, in one table and figure",
    "report": "write the report of a run",
    "status": "say what a run has finished and what is left",
    "recipes": "list the recipes that come with HelixNAS",
    "export": "write a model as ONNX, pt2 or a folder for timm and the Hugging Face hub",
    "finetune": "train a finished model on other images",
    "validate": "say how often a model is right, how fast and how large it is",
    "models": "list the models of the zoo with their sizes",
}
EXAMPLES = {
    "run": "helixnas run digits --out runs/digits --distill.num_epochs 20",
    "teacher": "helixnas teacher runs/digits",
    "costs": "helixnas costs runs/digits --latency onnxruntime-cpu",
    "distill": "helixnas distill runs/digits --blocks 2",
    "rate": "helixnas rate runs/digits",
    "search": "helixnas search runs/digits --max macs=40% --max params=120k --name light",
    "verify": "helixnas verify runs/digits",
    "retrain": "helixnas retrain runs/digits --name small",
    "rank": "helixnas rank runs/macro-cifar10 --bench nas-bench-macro_cifar10.json",
    "baseline": "helixnas baseline runs/digits spos --bench digits.json --epochs 20",
    "bench": "helixnas bench build --recipe digits --num 30 --out digits.json",
    "study": "helixnas study interface --base digits --out studies/interface",
    "report": "helixnas report runs/digits",
    "status": "helixnas status runs/digits",
    "export": "helixnas export runs/digits --name small --format onnx",
    "validate": "helixnas validate runs/digits --name small",
    "finetune": "helixnas finetune runs/digits --name small --data my/photos",
}
"""What help shows below the options."""

STAGES = ("teacher", "costs", "distill", "rate", "search", "retrain", "report")

DESCRIPTION = """Block-wise distilled neural architecture search. Begin with: helixnas run digits --out runs/digits"""
SETTINGS = (
    "Every setting of the recipe can be replaced by the option of its name (--distill.lr 0.002, "
    "--searches.small.max.macs 50%, --retrain null); the defaults shown hold where the recipe does not say otherwise."
)


BENCH_SETTINGS = (
    "Networks are trained with the recipe's retrain settings; every setting of the recipe can be replaced by the option of "
    "its name (--retrain.fit.num_epochs 30)."
)


STUDY_SETTINGS = (
    "Every setting of the base recipe can be replaced in all variants, by the option of its name "
    "(--distill.num_epochs 20)."
)


def build_parser(verb: str | None, *, settings: bool = False) -> ArgumentParser:
    """Return the parser; only the verb in hand gets its options, and those of a recipe only where `settings` asks."""
    parser = ArgumentParser(prog="helixnas", description=DESCRIPTION, exit_on_error=False, version=_version())
    verbs = parser.add_subcommands(required=False, dest="verb", metavar="VERB", title="verbs")
    for name, purpose in VERBS.items():
        verbs.add_subcommand(name, _verb_parser(name, purpose, complete=name == verb, settings=settings), help=purpose)
    return parser


def _verb_parser(name: str, purpose: str, *, complete: bool, settings: bool) -> ArgumentParser:
    parser = ArgumentParser(
        prog=f"helixnas {name}", description=f"{purpose[0].upper()}{purpose[1:]}.", exit_on_error=False
    )
    if name in EXAMPLES:
        parser.epilog = f"Example: {EXAMPLES[name]}"
    if name == "run":
        parser.description = f"{parser.description} {SETTINGS}"
    if name == "bench":
        parser.description = f"{parser.description} {BENCH_SETTINGS}"
    if name == "study":
        parser.description = f"{parser.description} {STUDY_SETTINGS}"
    if name in ("recipes", "models") or not complete:
        return parser
    if name == "run":
        _add_run_options(parser, settings=settings)
        return parser
    if name == "bench":
        _add_bench_options(parser)
        return parser
    if name == "study":
        _add_study_options(parser)
        return parser
    if name in ("export", "finetune", "validate"):
        add_model_options(parser, name)
        return parser
    parser.add_argument("run", metavar="RUN", help="the folder of a run")
    if name == "distill":
        parser.add_argument(
            "--blocks", metavar="K,...", default="", help="train only these blocks, of 1 .. N, as an independent job"
        )
    if name == "costs":
        _add_costs_options(parser)
    if name == "rank":
        _add_rank_options(parser)
    if name == "baseline":
        _add_baseline_options(parser)
    if name in ("search", "retrain", "verify"):
        which = "all that were made" if name == "verify" else "all of the recipe's"
        parser.add_argument("--name", type=str | None, default=None, help=f"which search; {which} by default")
    if name == "verify":
        parser.add_argument(
            "--time_limit", "--time-limit", type=float, default=60.0, help="seconds for HiGHS per search"
        )
    if name == "retrain":
        parser.add_argument(
            "--init",
            choices=("scratch", "inherited"),
            help="first weights: drawn at random, or inherited from the supernet; as the recipe says by default",
        )
        help_recipe = "a retraining recipe (helixnas recipes) or YAML file, which becomes that of the run"
        parser.add_argument("--recipe", metavar="NAME", type=str | None, default=None, help=help_recipe)
    if name == "search":
        _add_search_options(parser)
    return parser


def _add_run_options(parser: ArgumentParser, *, settings: bool) -> None:
    parser.add_argument("recipe", metavar="RECIPE", help="a recipe's name (helixnas recipes) or YAML file")
    parser.add_argument(
        "--out", type=str | None, default=None, help="folder of the run; runs/NAME where it is not given"
    )
    parser.add_argument("--until", choices=STAGES, default="report", help="stop after this stage")
    parser.add_argument(
        "--dry_run", "--dry-run", action="store_true", help="show the plan and its sizes; needs no data"
    )
    parser.add_argument("--redo", action="store_true", help="replace a run of another recipe in the folder")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    if settings:
        from helixnas.cli.settings import add_recipe_arguments

        add_recipe_arguments(parser)


def _add_search_options(parser: ArgumentParser) -> None:
    limit = "RESOURCE=AMOUNT"
    help_max = "upper limit, repeatable: params=5.3M, macs=350M, macs=60% (of the teacher's), latency_ms=12"
    parser.add_argument("--max", metavar=limit, action="append", type=str, default=[], help=help_max)
    parser.add_argument("--min", metavar=limit, action="append", type=str, default=[], help="lower limit, repeatable")
    parser.add_argument(
        "--weights", metavar="W,...", default="", help="weights of the blocks' scores; 1 each by default"
    )
    parser.add_argument(
        "--scores",
        metavar="NAME,...",
        default="",
        help="rated scores to add up, several weighed by their spread; the first by default",
    )
    parser.add_argument("--top", type=int, default=5, help="how many of the best to show")
    parser.add_argument("--diverse", metavar="N", type=int, default=0, help="show as many answers that differ")
    parser.add_argument("--distance", metavar="LAYERS", type=int, default=2, help="in so many layers at least")
    help_front = "what the front weighs the score against: one to three resources"
    parser.add_argument("--front", metavar="RESOURCE,...", default="", help=help_front)
    help_resolution = "steps for a front that is too large, repeatable"
    parser.add_argument("--resolution", metavar=limit, action="append", type=str, default=[], help=help_resolution)
    help_time = "seconds after which an answer need not be proven best"
    parser.add_argument("--time_limit", "--time-limit", type=float | None, default=None, help=help_time)
    parser.add_argument("--compare", action="store_true", help="run other search methods beside the exact one")
    help_limit = "seconds that Algorithm 2 and HiGHS may take in a comparison"
    parser.add_argument("--compare_limit", "--compare-limit", type=float, default=60.0, help=help_limit)


def _add_bench_options(parser: ArgumentParser) -> None:
    parser.add_argument("action", choices=("build",), help="what to do")
    parser.add_argument(
        "--recipe", metavar="RECIPE", type=str, required=True, help="a recipe's name or YAML file: images and training"
    )
    parser.add_argument(
        "--space", metavar="SPACE", type=str | None, default=None, help="a space's name or YAML file; else the recipe's"
    )
    parser.add_argument("--num", type=int, default=30, help="how many networks, drawn uniformly")
    limit = "RESOURCE=AMOUNT"
    help_max = "draw only networks of at most so much, repeatable: macs=10.5M, params=300k"
    parser.add_argument("--max", metavar=limit, action="append", type=str, default=[], help=help_max)
    parser.add_argument("--min", metavar=limit, action="append", type=str, default=[], help="of at least so much")
    help_network = "train this network before those that are drawn, repeatable: its text, as helixnas search prints it"
    parser.add_argument("--network", metavar="TEXT", action="append", type=str, default=[], help=help_network)
    parser.add_argument(
        "--trainings", type=int, default=1, help="trainings of each, with seeds of their own; 2 tell the noise"
    )
    parser.add_argument(
        "--out",
        metavar="FILE",
        type=str | None,
        default=None,
        help="the benchmark; benchmarks/RECIPE.json if not given",
    )
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="show what would be trained; needs no data")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _add_study_options(parser: ArgumentParser) -> None:
    parser.add_argument("study", metavar="NAME", help="a study's name (helixnas recipes) or YAML file")
    help_base = "a recipe's name or YAML file in place of the study's own"
    parser.add_argument("--base", metavar="RECIPE", type=str | None, default=None, help=help_base)
    help_bench = "trained networks to rank every variant against, as for helixnas rank"
    parser.add_argument("--bench", metavar="FILE", type=str | None, default=None, help=help_bench)
    help_out = "folder of the study; studies/NAME if not given"
    parser.add_argument("--out", metavar="DIR", type=str | None, default=None, help=help_out)
    parser.add_argument("--dry_run", "--dry-run", action="store_true", help="show the variants; needs no data")
    parser.add_argument("--redo", action="store_true", help="replace runs of another recipe in the folder")
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")


def _add_rank_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--bench", metavar="FILE", type=str, required=True, help="trained networks: a benchmark's JSON file"
    )
    parser.add_argument(
        "--scores",
        metavar="KIND,...",
        action="append",
        type=str,
        default=[],
        help="kinds of score to add up, repeatable; beside each alone and what the recipe's searches add up",
    )
    parser.add_argument("--resamples", type=int, default=500, help="bootstrap resamples of every interval")
    parser.add_argument("--seed", type=int, default=0, help="decides the resamples")


def _add_baseline_options(parser: ArgumentParser) -> None:
    parser.add_argument("method", choices=("spos", "fairnas", "darts", "mnasnet"), help="what ranks the networks")
    parser.add_argument(
        "--bench", metavar="FILE", type=str, required=True, help="trained networks of the run's space: a benchmark"
    )
    parser.add_argument("--epochs", type=int, default=10, help="passes over the training images (mnasnet: per network)")
    help_num = "how many of its networks are rated, drawn evenly; 200 (mnasnet: 30, which are trained), or all"
    parser.add_argument("--num", type=int | None, default=None, help=help_num)
    parser.add_argument("--points", type=int, default=6, help="how often, at equal distances while training")
    parser.add_argument("--batch", type=int, default=128, help="training images per step")
    parser.add_argument("--lr", type=float, default=0.05, help="learning rate at the start, of SGD")
    parser.add_argument("--momentum", type=float, default=0.9, help="momentum of SGD")
    help_decay = "L2 penalty, on the parameters that a step trains"
    parser.add_argument("--weight_decay", "--weight-decay", type=float, default=4e-5, help=help_decay)
    parser.add_argument("--seed", type=int, default=0, help="decides first weights, order and sampled networks")


def _add_costs_options(parser: ArgumentParser) -> None:
    source = parser.add_argument_group("where latency comes from; as the recipe says where none is given")
    source.add_argument(
        "--latency",
        metavar="RUNTIME",
        type=str | None,
        default=None,
        help="measure on this device: pytorch-eager, torch-compile, onnxruntime-cpu, pytorch-eager-cuda, ...",
    )
    source.add_argument(
        "--export_onnx",
        "--export-onnx",
        metavar="DIR",
        type=str | None,
        default=None,
        help="write every part as an ONNX file, with a CSV to fill in on a phone or board",
    )
    source.add_argument(
        "--read_csv",
        "--read-csv",
        metavar="FILE",
        type=str | None,
        default=None,
        help="read the latencies that another device took from the filled-in CSV",
    )
    help_again = "measure even where latency was measured with the same settings"
    parser.add_argument("--again", action="store_true", help=help_again)
    how = parser.add_argument_group("how")
    how.add_argument("--batch", type=int, default=1, help="images per forward pass")
    how.add_argument("--image_size", "--image-size", type=int, default=0, help="side in pixels; 0 for that of the run")
    how.add_argument("--threads", type=int, default=0, help="CPU threads; 0 leaves the runtime's choice")
    how.add_argument("--rounds", type=int, default=30, help="how often everything is timed; the median counts")
    how.add_argument("--networks", type=int, default=20, help="random networks measured whole, to tell the error")


def _version() -> str:
    from importlib import metadata

    return metadata.version("helixnas")
