"""What each verb does: one call into the pipeline each, imported when it is needed."""

from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.errors import ArtifactError, ConfigError

OF_COSTS = {
    "batch_size": "--batch",
    "image_size": "--image-size",
    "num_threads": "--threads",
    "num_rounds": "--rounds",
    "num_networks": "--networks",
}
OF_BASELINE = {
    "num_networks": "--num",
    "num_points": "--points",
    "num_epochs": "--epochs",
    "batch_size": "--batch",
    "lr": "--lr",
    "momentum": "--momentum",
    "weight_decay": "--weight-decay",
}
"""The options that settings of a verb are typed as, where they are not options of the settings' own names."""


def run(options: Any, overrides: Sequence[str], console: Console, *, again: str) -> None:
    """Go through a recipe, or show its plan."""
    from helixnas.pipeline.shipped import find_recipe

    find_recipe(options.recipe)  # a slip of the pen is told before torch is loaded
    from helixnas.cli.recipes import read_recipe
    from helixnas.pipeline.dry_run import dry_run
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run import run_recipe
    from helixnas.pipeline.run_folder import RunFolder

    recipe = read_recipe(options.recipe, overrides)
    folder = RunFolder(Path(options.out or f"runs/{recipe.name}"))
    if options.dry_run:
        dry_run(recipe, folder, console)
        console.print(f"to do it: {again}", highlight=False, soft_wrap=True, markup=False)
        return
    reporter = ConsoleReporter(Console(quiet=True) if options.quiet else console, folder.tensorboard)
    run_recipe(recipe, folder, reporter, until=options.until, redo=options.redo)


def stage(options: Any, console: Console) -> None:
    """Do one stage of an existing run; the stages before it must be done."""
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run import run_stage

    recipe, folder = _open(options.run)
    kept = recipe = _with_training(recipe, getattr(options, "recipe", None))
    init = getattr(options, "init", None)
    if init is not None and recipe.retrain is not None:
        recipe = replace(recipe, retrain=replace(recipe.retrain, init=init))
    reporter = ConsoleReporter(console, folder.tensorboard)
    blocks = _block_numbers(getattr(options, "blocks", ""))
    run_stage(recipe, folder, reporter, verb=options.verb, name=getattr(options, "name", None), blocks=blocks)
    if getattr(options, "recipe", None) is not None:
        with folder.locked():
            folder.save_settings(kept.to_dict())


def _with_training(recipe: Any, name: str | None) -> Any:
    """Return the recipe with the retraining recipe of that name, where one is given."""
    from helixnas.cli.recipes import read_training
    from helixnas.retrain import RetrainConfig

    if name is None:
        return recipe
    return replace(recipe, retrain=read_training(name, RetrainConfig, "retraining recipe"))


def costs(options: Any, console: Console) -> None:
    """Count the costs of a run's paths, and measure, export or read latencies."""
    from helixnas.costs import CostsConfig
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run_costs import run_costs

    recipe, folder = _open(options.run)
    chosen = [name for name in ("latency", "export_onnx", "read_csv") if options[name] is not None]
    if len(chosen) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise ConfigError(f"{names} exclude each other; give one of them at a time")
    how = {"batch": 1, "image_size": 0, "threads": 0, "rounds": 30, "networks": 20}
    idle = [name for name, default in how.items() if options[name] != default]
    if idle and not chosen:
        option = f"--{idle[0].replace('_', '-')}"
        raise ConfigError(f"{option} says how latency is measured; add --latency RUNTIME or --export-onnx DIR")
    if options.again and options.export_onnx is not None:
        raise ConfigError("--again measures latency once more and --export-onnx measures nothing; leave one out")
    with _as_typed("costs.", "", OF_COSTS):
        config = CostsConfig(
            latency=options.latency or "",
            latency_csv=options.read_csv or "",
            batch_size=options.batch,
            image_size=options.image_size,
            num_threads=options.threads,
            num_rounds=options.rounds,
            num_networks=options.networks,
        )
    export = None if options.export_onnx is None else Path(options.export_onnx)
    asked = config if chosen else None
    run_costs(recipe, folder, ConsoleReporter(console), config=asked, export=export, again=options.again)


def search(options: Any, console: Console) -> None:
    """Search an existing run under new budgets, or do the recipe's searches."""
    from helixnas.pipeline.comparing import compare_on, save_comparison
    from helixnas.pipeline.run_folder import RunFolder
    from helixnas.pipeline.run_search import search_run
    from helixnas.pipeline.search_config import SearchConfig
    from helixnas.pipeline.searching import COMPARISON, find_diverse
    from helixnas.pipeline.showing import show_comparison, show_diverse, show_outcome

    folder = RunFolder(Path(options.run))
    limits = SearchConfig(
        max=_amounts(options.max, "--max"),
        min=_amounts(options.min, "--min"),
        weights=_weights(options.weights),
        scores=tuple(_words(options.scores)),
        front=tuple(_words(options.front)),
        resolution=_amounts(options.resolution, "--resolution"),
        time_limit_s=options.time_limit,
    )
    asked = limits if limits != SearchConfig() else None
    for name, outcome in search_run(folder, options.name, asked, num_best=options.top):
        show_outcome(console, name, outcome, top=options.top)
        if options.diverse:
            diverse = find_diverse(folder, outcome, number=options.diverse, min_distance=options.distance)
            show_diverse(console, name, diverse, min_distance=options.distance)
        if options.compare:
            rows = compare_on(outcome.result, seed=0, time_limit_s=options.compare_limit)
            save_comparison(rows, folder.search(name) / COMPARISON, time_limit_s=options.compare_limit)
            show_comparison(console, name, rows)


def verify(options: Any, console: Console) -> None:
    """Check the certificates of a run's searches."""
    from helixnas.pipeline.run_folder import RunFolder
    from helixnas.pipeline.verifying import verify_run

    checked = verify_run(RunFolder(Path(options.run)), options.name, time_limit_s=options.time_limit)
    for name, found in checked:
        console.print(f"{name}: {found.sentence}", highlight=False, soft_wrap=True, markup=False)
    wrong = [name for name, found in checked if not found.holds]
    if wrong:
        raise ArtifactError(f"the certificate of {' and '.join(wrong)} does not hold; search again")


def rank(options: Any, console: Console) -> None:
    """Rank a run's scores against a benchmark."""
    from helixnas.pipeline.ranking import rank_run, show_ranking
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run_folder import RunFolder

    if options.seed < 0:
        raise ConfigError(f"--seed must not be negative, not {options.seed}")
    reporter, bench = ConsoleReporter(console), Path(options.bench)
    scores = [tuple(_words(names)) for names in options.scores]
    ranked = rank_run(
        RunFolder(Path(options.run)),
        bench,
        reporter,
        scores=scores,
        num_resamples=options.resamples,
        seed=options.seed,
    )
    show_ranking(console, ranked)


def baseline(options: Any, console: Console) -> None:
    """Train a baseline of a run and rate a benchmark's networks with it."""
    from helixnas.lab.baselines import BaselineConfig
    from helixnas.pipeline.baseline_plan import BaselinePlan, default_num
    from helixnas.pipeline.baselines import train_baseline
    from helixnas.pipeline.reporting import ConsoleReporter

    recipe, folder = _open(options.run)
    file = Path(options.bench)
    num = default_num(options.method, file) if options.num is None else options.num
    with _as_typed("baseline.", "", OF_BASELINE):
        config = BaselineConfig(
            method=options.method,
            num_networks=num,
            num_points=options.points,
            num_epochs=options.epochs,
            batch_size=options.batch,
            lr=options.lr,
            momentum=options.momentum,
            weight_decay=options.weight_decay,
        )
    plan = BaselinePlan(recipe=recipe, folder=folder, bench=file, config=config, seed=options.seed)
    train_baseline(plan, ConsoleReporter(console))


def bench(options: Any, overrides: Sequence[str], console: Console) -> None:
    """Build a benchmark, or show what would be trained."""
    from helixnas.pipeline.shipped import find_recipe

    find_recipe(options.recipe)  # a slip of the pen is told before torch is loaded
    from helixnas.cli.recipes import read_recipe
    from helixnas.pipeline.bench import build_benchmark
    from helixnas.pipeline.bench_plan import BenchmarkPlan, show_plan
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.search import parse_limits

    recipe = read_recipe(options.recipe, overrides)
    plan = BenchmarkPlan(
        recipe=recipe if options.space is None else replace(recipe, space=options.space),
        out=Path(options.out or f"benchmarks/{recipe.name}.json"),
        num_networks=options.num,
        num_trainings=options.trainings,
        given=tuple(options.network),
    )
    known = dict.fromkeys(plan.costs.resources)
    plan = replace(
        plan,
        upper=parse_limits(_amounts(options.max, "--max"), known=known, option="--max"),
        lower=parse_limits(_amounts(options.min, "--min"), known=known, option="--min"),
    )
    if options.dry_run:
        show_plan(plan, console)
    else:
        build_benchmark(plan, ConsoleReporter(Console(quiet=True) if options.quiet else console))


def study(options: Any, overrides: Sequence[str], console: Console) -> None:
    """Run the variants of a study, or show what would be done."""
    from helixnas.pipeline.shipped import find_recipe

    find_recipe(options.study, "study")  # a slip of the pen is told before torch is loaded
    from helixnas.cli.studies import read_study
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.study import run_study
    from helixnas.pipeline.study_tables import show_study, show_study_plan

    plan = read_study(options.study, base=options.base, overrides=overrides, out=options.out, bench=options.bench)
    if options.dry_run:
        show_study_plan(plan, console)
        return
    shown = Console(quiet=True) if options.quiet else console
    show_study(run_study(plan, ConsoleReporter(shown), redo=options.redo), plan, shown)


def report(options: Any, console: Console) -> None:
    """Write the report of a run."""
    from helixnas.pipeline.run import write_report

    _, folder = _open(options.run)
    console.print(f"report: {write_report(folder)}", highlight=False, soft_wrap=True, markup=False)


def status(options: Any, console: Console) -> None:
    """Say what is finished."""
    from helixnas.pipeline.status import show_status

    recipe, folder = _open(options.run)
    show_status(recipe, folder, console)


def recipes(console: Console) -> None:
    """List the shipped recipes."""
    from helixnas.cli.yaml_file import load_yaml
    from helixnas.pipeline.shipped import KINDS, shipped_recipes

    uses = (
        "recipes: helixnas run NAME",
        "retraining recipes: helixnas retrain RUN --recipe NAME",
        "fine-tuning recipes: helixnas finetune MODEL --recipe NAME",
        "studies: helixnas study NAME",
    )
    for kind, use in zip(KINDS, uses, strict=True):
        console.print(use, highlight=False, soft_wrap=True)
        for name, path in shipped_recipes(kind).items():
            console.print(f"  {name:<16} {load_yaml(path).get('description', '')}", highlight=False, soft_wrap=True)


def _open(run: str) -> tuple[Any, Any]:
    from helixnas.cli.recipes import recipe_from_settings
    from helixnas.pipeline.run_folder import RunFolder

    folder = RunFolder(Path(run))
    folder.load_record()
    return recipe_from_settings(folder.load_settings(), where=str(folder.config)), folder


@contextmanager
def _as_typed(before: str, after: str, options: Mapping[str, str]) -> Generator[None]:
    """Let a message that begins with a setting's name, between two texts, begin with the option that was typed."""
    try:
        yield
    except ConfigError as error:
        for name, option in options.items():
            if str(error).startswith(f"{before}{name}{after} "):
                raise ConfigError(option + str(error).removeprefix(f"{before}{name}{after}")) from error
        raise


def _block_numbers(text: str) -> tuple[int, ...]:
    """Read numbers with commas between them."""
    parts = _words(text)
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--blocks {text!r} must be numbers of blocks, for example 2 or 1,3")
    return tuple(sorted({int(part) for part in parts}))


def _amounts(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read RESOURCE=AMOUNT texts."""
    amounts: dict[str, str] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        if not equals or not name or not amount:
            raise ConfigError(f"{option} {text!r} must be RESOURCE=AMOUNT, for example macs=350M or params=60%")
        if name in amounts:
            raise ConfigError(f"{option} limits {name} twice; give each resource once")
        amounts[name] = amount
    return amounts


def _words(text: str) -> list[str]:
    """Read words with commas between them."""
    return [part.strip() for part in text.strip("[] ").split(",") if part.strip()]


def _weights(text: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in _words(text))
    except ValueError as error:
        raise ConfigError(f"--weights {text!r} must be numbers, one per block, for example 1,1,0.5") from error
