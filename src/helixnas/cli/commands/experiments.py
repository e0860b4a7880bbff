"""Commands of experiments: rank, baseline, bench, study."""

from argparse import Namespace
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import LIMIT, amounts, named_as_options, number, open_run, whole_number, words
from helixnas.errors import ConfigError


def _add_rank_options(parser: Parser) -> None:
    parser.option("run", metavar="RUN", help="the folder of a run")
    parser.option("--bench", metavar="FILE", required=True, help="trained networks: a benchmark's JSON file")
    parser.option(
        "--scores",
        metavar="KIND,...",
        action="append",
        default=[],
        help="kinds of score to add up, repeatable; beside each alone and the sums of the recipe's searches",
    )
    parser.option(
        "--num-resamples", metavar="N", type=whole_number, default=500, help="bootstrap resamples of every interval"
    )
    parser.option("--seed", metavar="N", type=whole_number, default=0, help="seed of the resamples")


def _rank(options: Namespace, console: Console) -> None:
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.cli.tables.ranking import show_ranking
    from helixnas.experiments.ranking import rank_run

    if options.seed < 0:
        raise ConfigError(f"--seed must not be negative, not {options.seed}")
    ranked = rank_run(
        RunFolder(Path(options.run)),
        Path(options.bench),
        ConsoleReporter(console),
        scores=[tuple(words(names)) for names in options.scores],
        num_resamples=options.num_resamples,
        seed=options.seed,
    )
    show_ranking(console, ranked)


def _add_baseline_options(parser: Parser) -> None:
    parser.option("run", metavar="RUN", help="the folder of a run")
    parser.option(
        "method",
        metavar="METHOD",
        choices=("spos", "fairnas", "darts", "mnasnet"),
        help="spos, fairnas, darts or mnasnet",
    )
    parser.option(
        "--bench", metavar="FILE", required=True, help="trained networks of the run's space: a benchmark's JSON file"
    )
    parser.option(
        "--num-epochs",
        metavar="N",
        type=whole_number,
        default=10,
        help="passes over the training images (mnasnet: per network)",
    )
    parser.option(
        "--num-networks",
        metavar="N",
        type=whole_number,
        help="networks to rate, drawn evenly; 200 (mnasnet: 30, which are trained) or all if not given",
    )
    parser.option(
        "--num-points",
        metavar="N",
        type=whole_number,
        default=6,
        help="number of evaluations, evenly spaced over training",
    )
    parser.option("--batch-size", metavar="N", type=whole_number, default=128, help="training images per step")
    parser.option("--lr", metavar="X", type=number, default=0.05, help="initial learning rate of SGD")
    parser.option("--momentum", metavar="X", type=number, default=0.9, help="momentum of SGD")
    parser.option(
        "--weight-decay",
        metavar="X",
        type=number,
        default=4e-5,
        help="L2 penalty, on the parameters trained in a step only",
    )
    parser.option(
        "--seed", metavar="N", type=whole_number, default=0, help="seed of initial weights, order and sampled networks"
    )


def _baseline(options: Namespace, console: Console) -> None:
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.experiments.baseline import train_baseline
    from helixnas.experiments.baseline_plan import BaselinePlan, default_num
    from helixnas.lab.baselines.config import BaselineConfig

    recipe, folder = open_run(options.run)
    file = Path(options.bench)
    num = default_num(options.method, file) if options.num_networks is None else options.num_networks
    with named_as_options("baseline"):
        config = BaselineConfig(
            method=options.method,
            num_networks=num,
            num_points=options.num_points,
            num_epochs=options.num_epochs,
            batch_size=options.batch_size,
            lr=options.lr,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
        )
    plan = BaselinePlan(recipe=recipe, folder=folder, bench=file, config=config, seed=options.seed)
    train_baseline(plan, ConsoleReporter(console))


def _add_bench_options(parser: Parser) -> None:
    parser.option("action", metavar="ACTION", choices=("build",), help="build: the one thing to do")
    parser.option("--recipe", metavar="RECIPE", required=True, help="a recipe's name or YAML file: images and training")
    parser.option("--space", metavar="SPACE", help="a space's name or YAML file; the recipe's if not given")
    parser.option("--num-networks", metavar="N", type=whole_number, default=30, help="networks, drawn uniformly")
    parser.option(
        "--max",
        metavar=LIMIT,
        action="append",
        default=[],
        help="draw only networks with at most this, repeatable: macs=10.5M, params=300k",
    )
    parser.option("--min", metavar=LIMIT, action="append", default=[], help="... with at least this")
    parser.option(
        "--network",
        metavar="TEXT",
        action="append",
        default=[],
        help="train this network before those that are drawn, repeatable: its text, as helixnas search prints it",
    )
    parser.option(
        "--num-trainings",
        metavar="N",
        type=whole_number,
        default=1,
        help="trainings of each network, with different seeds; 2 show the noise",
    )
    parser.option("--out", metavar="FILE", help="the benchmark; benchmarks/RECIPE.json if not given")
    parser.option("--dry-run", action="store_true", help="show which networks would be trained; needs no data")
    parser.option("--quiet", action="store_true", help="print errors only")


def _bench(options: Namespace, console: Console) -> None:
    from helixnas.cli.settings import read_recipe

    recipe = read_recipe(options.recipe, options.overrides)
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.cli.tables.benchmark import show_plan
    from helixnas.experiments.benchmark import build_benchmark
    from helixnas.experiments.benchmark_plan import BenchmarkPlan
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
    if options.dry_run:
        show_plan(plan, console)
    else:
        build_benchmark(plan, ConsoleReporter(Console(quiet=True) if options.quiet else console))


def _add_study_options(parser: Parser) -> None:
    parser.option("study", metavar="NAME", help="a study's name (helixnas recipes) or YAML file")
    parser.option("--base", metavar="RECIPE", help="a recipe's name or YAML file in place of the study's own")
    parser.option(
        "--bench", metavar="FILE", help="trained networks to rank every variant against, as for helixnas rank"
    )
    parser.option("--out", metavar="DIR", help="folder of the study; studies/NAME if not given")
    parser.option("--dry-run", action="store_true", help="show the variants; needs no data")
    parser.option("--redo", action="store_true", help="replace runs of another recipe in the folder")
    parser.option("--quiet", action="store_true", help="print errors only")


def _study(options: Namespace, console: Console) -> None:
    from helixnas.cli.study_file import read_study

    plan = read_study(
        options.study, base=options.base, overrides=options.overrides, out=options.out, bench=options.bench
    )
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.cli.tables.study import show_study, show_study_plan
    from helixnas.experiments.study import run_study

    if options.dry_run:
        show_study_plan(plan, console)
        return
    shown = Console(quiet=True) if options.quiet else console
    show_study(run_study(plan, ConsoleReporter(shown), redo=options.redo), plan, shown)


COMMANDS = (
    Command(
        name="rank",
        purpose="rank a run's scores against trained accuracies, beside the size of networks alone",
        example="helixnas rank runs/macro-cifar10 --bench nas-bench-macro_cifar10.json",
        add_options=_add_rank_options,
        run=_rank,
    ),
    Command(
        name="baseline",
        purpose="rank a benchmark's networks by another method (SPOS, FairNAS, DARTS, MnasNet), with its cost",
        example="helixnas baseline runs/digits spos --bench digits.json --num-epochs 20",
        add_options=_add_baseline_options,
        run=_baseline,
    ),
    Command(
        name="bench",
        purpose="build a benchmark: train random networks of a space, to rank runs against",
        example="helixnas bench build --recipe digits --num-networks 30 --out digits.json",
        details="Networks are trained with the recipe's retrain settings; every setting of the recipe can be replaced by "
        "the option of its name (--retrain.fit.num-epochs 30).",
        add_options=_add_bench_options,
        run=_bench,
        takes_settings=True,
    ),
    Command(
        name="study",
        purpose="run variants of a recipe, and compare how well they rank, in one table and figure",
        example="helixnas study interface --base digits --out studies/interface",
        details="Every setting of the base recipe can be replaced in all variants by the option of its name "
        "(--distill.num-epochs 20).",
        add_options=_add_study_options,
        run=_study,
        takes_settings=True,
    ),
)
