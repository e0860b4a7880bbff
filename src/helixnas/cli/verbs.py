"""What each verb does: one call into the pipeline each, imported when it is needed."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from helixnas.errors import ConfigError


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
    reporter = ConsoleReporter(console, folder.tensorboard)
    blocks = _block_numbers(getattr(options, "blocks", ""))
    run_stage(recipe, folder, reporter, verb=options.verb, name=getattr(options, "name", None), blocks=blocks)


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
    run_costs(recipe, folder, ConsoleReporter(console), config=config if chosen else None, export=export)


def search(options: Any, console: Console) -> None:
    """Search an existing run under new budgets, or do the recipe's searches."""
    from helixnas.pipeline.run_folder import RunFolder
    from helixnas.pipeline.search_config import SearchConfig
    from helixnas.pipeline.searching import search_run, show_outcome

    folder = RunFolder(Path(options.run))
    limits = SearchConfig(max=_limits(options.max, "--max"), min=_limits(options.min, "--min"))
    for name, outcome in search_run(folder, options.name, limits if options.max or options.min else None):
        show_outcome(console, name, outcome, top=options.top)


def rank(options: Any, console: Console) -> None:
    """Rank a run's scores against a benchmark."""
    from helixnas.pipeline.ranking import rank_run, show_ranking
    from helixnas.pipeline.reporting import ConsoleReporter
    from helixnas.pipeline.run_folder import RunFolder

    if options.seed < 0:
        raise ConfigError(f"--seed must not be negative, not {options.seed}")
    reporter, bench = ConsoleReporter(console), Path(options.bench)
    ranked = rank_run(RunFolder(Path(options.run)), bench, reporter, num_resamples=options.resamples, seed=options.seed)
    show_ranking(console, ranked)


def bench(options: Any, overrides: Sequence[str], console: Console) -> None:
    """Build a benchmark, or show what would be trained."""
    from helixnas.pipeline.shipped import find_recipe

    find_recipe(options.recipe)  # a slip of the pen is told before torch is loaded
    from helixnas.cli.recipes import read_recipe
    from helixnas.pipeline.bench import build_benchmark
    from helixnas.pipeline.bench_plan import BenchmarkPlan, show_plan
    from helixnas.pipeline.reporting import ConsoleReporter

    recipe = read_recipe(options.recipe, overrides)
    plan = BenchmarkPlan(
        recipe=recipe if options.space is None else replace(recipe, space=options.space),
        out=Path(options.out or f"benchmarks/{recipe.name}.json"),
        num_networks=options.num,
        num_trainings=options.trainings,
    )
    if options.dry_run:
        show_plan(plan, console)
    else:
        build_benchmark(plan, ConsoleReporter(Console(quiet=True) if options.quiet else console))


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
    from helixnas.pipeline.shipped import shipped_recipes

    for name, path in shipped_recipes().items():
        console.print(f"{name:<16} {load_yaml(path).get('description', '')}", highlight=False, soft_wrap=True)


def _open(run: str) -> tuple[Any, Any]:
    from helixnas.cli.recipes import recipe_from_settings
    from helixnas.pipeline.run_folder import RunFolder

    folder = RunFolder(Path(run))
    folder.load_record()
    return recipe_from_settings(folder.load_settings(), where=str(folder.config)), folder


def _block_numbers(text: str) -> tuple[int, ...]:
    """Read numbers with commas between them."""
    parts = [part.strip() for part in text.strip("[] ").split(",") if part.strip()]
    if not all(part.isdecimal() for part in parts):
        raise ConfigError(f"--blocks {text!r} must be numbers of blocks, for example 2 or 1,3")
    return tuple(sorted({int(part) for part in parts}))


def _limits(texts: Sequence[str], option: str) -> dict[str, str]:
    """Read RESOURCE=AMOUNT texts."""
    limits: dict[str, str] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        if not equals or not name or not amount:
            raise ConfigError(f"{option} {text!r} must be RESOURCE=AMOUNT, for example macs=350M or params=60%")
        if name in limits:
            raise ConfigError(f"{option} limits {name} twice; give each resource once")
        limits[name] = amount
    return limits
