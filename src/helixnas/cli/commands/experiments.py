"""Commands of experiments: rank, baseline, bench, study."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.baseline import PROXIES
from helixnas.cli.command import Command, Parser
from helixnas.cli.executor_options import add_executor_options, spread_of
from helixnas.cli.option_values import LIMIT, amounts, named_as_options, open_run, run_folder, words
from helixnas.cli.settings import read_recipe
from helixnas.errors import ConfigError
from helixnas.lab.baselines.config import METHODS, BaselineConfig

BENCHMARK = "trained networks: a benchmark's JSON file"

TRAINING, UNTRAINED = ("num_epochs", "num_points", "lr", "momentum", "weight_decay"), ("num_seeds",)
"""Options of the baselines that train, and of those that do not."""


def _add_rank_options(parser: Parser) -> None:
    parser.run_folder()
    parser.option("--bench", metavar="FILE", required=True, help=BENCHMARK)
    parser.repeated("--scores", "KIND,...", "also rank by the sum of these kinds of score, repeatable")
    parser.whole("--num-resamples", 500, "bootstrap resamples per interval")
    parser.whole("--seed", 0, "seed of the resamples")


def _rank(options: Namespace, console: Console) -> None:
    from helixnas.cli.tables.ranking import show_ranking
    from helixnas.engine.console import ConsoleReporter
    from helixnas.pipeline.ad_hoc.rank import rank_run

    ranked = rank_run(
        run_folder(options.run, console),
        Path(options.bench),
        ConsoleReporter(console),
        scores=[tuple(words(names)) for names in options.scores],
        num_resamples=options.num_resamples,
        seed=options.seed,
    )
    show_ranking(console, ranked)


def _add_baseline_options(parser: Parser) -> None:
    networks = "networks to rate, drawn uniformly; all, but at most 200 (mnasnet, which trains each: 30) if not given"
    methods = f"spos, fairnas, darts or mnasnet, which train; or, untrained, {', '.join(PROXIES[:-1])} or {PROXIES[-1]}"

    def usual(name: str) -> str:
        return f"{getattr(BaselineConfig, name):g} if not given"

    parser.run_folder()
    parser.option("method", metavar="METHOD", choices=METHODS, help=methods)
    parser.option("--bench", metavar="FILE", required=True, help=f"{BENCHMARK}, of the run's space")
    parser.whole("--num-epochs", None, f"passes over the training images (mnasnet: per network); {usual('num_epochs')}")
    parser.whole("--num-networks", None, networks)
    parser.whole("--num-points", None, f"number of evaluations, evenly spaced over training; {usual('num_points')}")
    parser.whole("--batch-size", None, "training images per step (128), or that an untrained network is scored on (32)")
    parser.whole(
        "--num-seeds", None, f"initialisations that an untrained method takes the mean of; {usual('num_seeds')}"
    )
    parser.number("--lr", None, f"initial learning rate of SGD; {usual('lr')}")
    parser.number("--momentum", None, f"momentum of SGD; {usual('momentum')}")
    parser.number(
        "--weight-decay", None, f"L2 penalty, only on the parameters trained in a step; {usual('weight_decay')}"
    )
    parser.whole("--seed", 0, "seed of initial weights, image order and sampled networks")


def _check_of_baseline(options: Namespace) -> None:
    """Raise `ConfigError` for an option that the method does not have."""
    is_untrained = options.method in PROXIES
    why = f"train, and {options.method} does not" if is_untrained else f"do not train, but {options.method} does"
    for name in TRAINING if is_untrained else UNTRAINED:
        if getattr(options, name) is not None:
            raise ConfigError(f"--{name.replace('_', '-')} is for methods that {why}; leave it out")


def _baseline(options: Namespace, console: Console) -> None:
    from helixnas.engine.console import ConsoleReporter
    from helixnas.experiments.baseline import train_baseline
    from helixnas.experiments.baseline_plan import BaselinePlan, default_num

    _check_of_baseline(options)
    recipe, folder = open_run(options.run, console)
    file = Path(options.bench)
    num = default_num(options.method, file) if options.num_networks is None else options.num_networks
    with named_as_options("baseline"):
        names = ("batch_size", *TRAINING, *UNTRAINED)
        given = {name: value for name in names if (value := getattr(options, name)) is not None}
        given.setdefault("batch_size", 32 if options.method in PROXIES else 128)
        config = BaselineConfig(method=options.method, num_networks=num, **given)
    plan = BaselinePlan(recipe=recipe, folder=folder, bench=file, config=config, seed=options.seed)
    train_baseline(plan, ConsoleReporter(console))


def _add_bench_options(parser: Parser) -> None:
    network = "also train this network, before the drawn ones, repeatable: its text, as helixnas search prints it"
    parser.option("action", metavar="ACTION", choices=("build",), help="build is the only action")
    parser.option("--recipe", metavar="RECIPE", required=True, help="a recipe's name or YAML file: images and training")
    parser.option("--space", metavar="SPACE", help="a space's name or YAML file; the recipe's if not given")
    parser.whole("--num-networks", 30, "number of networks, drawn uniformly")
    parser.repeated("--max", LIMIT, "draw only networks with at most this, repeatable: macs=10.5M, params=300k")
    parser.repeated("--min", LIMIT, "draw only networks with at least this, repeatable")
    parser.repeated("--network", "TEXT", network)
    parser.whole("--num-trainings", 1, "trainings of each network with different seeds; 2 or more show the noise")
    parser.option("--out", metavar="FILE", help="file of the benchmark; benchmarks/RECIPE.json if not given")
    add_executor_options(parser, what="train the networks", sizes=False)
    parser.option("--job", metavar="NAME", help="do only this training, as --executor asks of its workers")
    parser.flag("--dry-run", "show which networks would be trained; needs no data")
    parser.flag("--quiet", "print errors only")


def _bench(options: Namespace, console: Console) -> None:
    recipe = read_recipe(options.recipe, options.overrides)
    from helixnas.cli.tables.benchmark import show_plan
    from helixnas.engine.console import ConsoleReporter
    from helixnas.experiments.benchmark import build_benchmark, train_network
    from helixnas.experiments.benchmark_plan import BenchmarkPlan
    from helixnas.jobs.executor import end_with_worker
    from helixnas.search import parse_limits

    plan = BenchmarkPlan(
        recipe=recipe if options.space is None else replace(recipe, space=options.space),
        out=Path(options.out or f"benchmarks/{recipe.name}.json"),
        num_networks=options.num_networks,
        num_trainings=options.num_trainings,
        given=tuple(options.network),
    )
    known = dict.fromkeys(plan.costs.resources)
    plan = replace(
        plan,
        upper=parse_limits(amounts(options.max, "--max"), known=known, option="--max"),
        lower=parse_limits(amounts(options.min, "--min"), known=known, option="--min"),
    )
    reporter = ConsoleReporter(Console(quiet=True) if options.quiet else console)
    if options.dry_run:
        show_plan(plan, console)
    elif options.job is not None:
        end_with_worker()
        train_network(plan, options.job, reporter)
    else:
        build_benchmark(plan, reporter, spread=spread_of(options), words=bench_words(options, plan.out))


def bench_words(options: Namespace, out: Path) -> list[str]:
    """Return the command that builds the same benchmark."""
    words = ["bench", "build", "--recipe", options.recipe, "--out", str(out)]
    words += ["--space", options.space] if options.space is not None else []
    words += ["--num-networks", str(options.num_networks), "--num-trainings", str(options.num_trainings)]
    for option in ("max", "min", "network"):
        for text in getattr(options, option):
            words += [f"--{option}", text]
    return [*words, *options.overrides]


def _add_study_options(parser: Parser) -> None:
    parser.option("study", metavar="NAME", help="a study's name (helixnas recipes) or YAML file")
    parser.option("--base", metavar="RECIPE", help="a recipe's name or YAML file in place of the study's own")
    parser.option("--bench", metavar="FILE", help=f"rank every variant against {BENCHMARK}")
    parser.option("--out", metavar="DIR", help="folder of the study; studies/NAME if not given")
    add_executor_options(parser)
    parser.flag("--dry-run", "show the variants; needs no data")
    parser.flag("--redo", "replace runs of another recipe in the folder")
    parser.flag("--quiet", "print errors only")


def _study(options: Namespace, console: Console) -> None:
    from helixnas.cli.study_file import read_study

    spread = spread_of(options)
    plan = read_study(
        options.study, base=options.base, overrides=options.overrides, out=options.out, bench=options.bench
    )
    from helixnas.cli.tables.study import show_study, show_study_plan
    from helixnas.engine.console import ConsoleReporter
    from helixnas.experiments.study import run_study

    if options.dry_run:
        show_study_plan(plan, console)
        return
    shown = Console(quiet=True) if options.quiet else console
    show_study(run_study(plan, ConsoleReporter(shown), redo=options.redo, spread=spread), plan, shown)


COMMANDS = (
    Command(
        name="rank",
        purpose="compare a run's scores with trained accuracies, and with the size of networks alone",
        example="helixnas rank runs/macro-cifar10 --bench nas-bench-macro_cifar10.json",
        add_options=_add_rank_options,
        run=_rank,
    ),
    Command(
        name="baseline",
        purpose="rate a benchmark's networks by another method (SPOS, FairNAS, DARTS, MnasNet) and measure its cost",
        example="helixnas baseline runs/digits spos --bench digits.json --num-epochs 20",
        add_options=_add_baseline_options,
        run=_baseline,
    ),
    Command(
        name="bench",
        purpose="build a benchmark: train random networks of a space to compare runs with",
        example="helixnas bench build --recipe digits --num-networks 30 --out digits.json",
        details="Networks are trained with the recipe's retrain settings. Options change settings of the recipe "
        "(--retrain.fit.num-epochs 30).",
        add_options=_add_bench_options,
        run=_bench,
        takes_settings=True,
    ),
    Command(
        name="study",
        purpose="run variants of a recipe and compare how well they rank networks",
        example="helixnas study interface --base digits --out studies/interface",
        details="Options change settings of the base recipe in all variants (--distill.num-epochs 20).",
        add_options=_add_study_options,
        run=_study,
        takes_settings=True,
    ),
)
