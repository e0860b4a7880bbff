"""Costs of an existing run: latency with other settings than its recipe's, and micro-benchmarks for other devices."""

from dataclasses import replace
from pathlib import Path

from helixnas.artifacts import CostTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.costs import CostsConfig, export_benchmarks, parts, random_networks, read_timings, require_runtime
from helixnas.engine.job import stop_requests
from helixnas.engine.progress import Reporter
from helixnas.errors import ConfigError, Interrupted
from helixnas.pipeline.context import Context
from helixnas.pipeline.plan import stages_after
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.run import run_stage
from helixnas.pipeline.work.costs import input_of


def run_costs(
    recipe: Recipe,
    folder: RunFolder,
    reporter: Reporter,
    *,
    config: CostsConfig | None,
    export: Path | None,
    again: bool = False,
) -> None:
    """Run the cost stages of an existing run, with the settings of its recipe or those of `config`.

    With `export`, write micro-benchmarks into that folder instead of measuring; with `again`, measure even if latency
    was measured with the same settings. Raises `ConfigError` if the runtime is not available, or `again` is set and the
    recipe measures no latency.
    """
    if config is None:
        if again and not (recipe.costs.latency or recipe.costs.latency_csv):
            raise ConfigError("the recipe of this run measures no latency; add --latency RUNTIME to --again")
        _measure(recipe, folder, reporter, again=again)
        return
    run_stage(replace(recipe, costs=CostsConfig()), folder, Reporter(), verb="costs", name=None)
    context = Context(recipe, folder, reporter)
    if export is not None:
        _export(context, export, config)
        return
    if config.latency_csv:  # what cannot be measured is reported before earlier latencies are discarded
        facts = CostTable.load(folder.costs).facts
        read_timings(Path(config.latency_csv), context.space, num_classes=int(facts["num_classes"]))
    else:
        require_runtime(config.latency)
    again = again or bool(config.latency_csv)  # the CSV may have changed
    _measure(replace(recipe, costs=config), folder, reporter, again=again)


def _measure(recipe: Recipe, folder: RunFolder, reporter: Reporter, *, again: bool) -> None:
    """Run the cost stages; with `again`, first discard earlier latencies and everything derived from them."""
    with folder.locked():
        before = folder.load_record()
        if again:
            forgotten = stages_after("latency", recipe.to_dict())
            open_again = sorted(set(forgotten).intersection(before.stages) - {"latency"})
            for name in forgotten:
                before = before.without_stage(name)
            folder.save_record(before)
            if open_again:
                reporter.say(f"to redo with the new latencies: {', '.join(open_again)}")
    after = run_stage(recipe, folder, reporter, verb="costs", name=None)
    if recipe.costs.latency and "latency" in before.stages and after.stages["latency"] == before.stages["latency"]:
        reporter.say(f"to measure latency again with the same settings: helixnas costs {folder.path} ... --again")


def _export(context: Context, folder: Path, config: CostsConfig) -> None:
    """Write the micro-benchmarks of a run's space into a folder, for another device."""
    counted = CostTable.load(context.folder.costs)
    given = input_of(counted, config.image_size)
    networks = random_networks(context.space, config.num_networks, seed=context.recipe.seed)
    total = len(parts(context.space, given)) + len(networks) + 2
    files = export_benchmarks(folder, context.space, given, networks, batch_size=config.batch_size)
    with context.reporter.progress("exporting", total) as advance, stop_requests() as asked:
        for done, path in enumerate(files, start=1):
            advance(done, path.name)
            if asked():
                raise Interrupted("stopped; the files written so far are complete, but the CSV is missing")
    context.reporter.say(
        f"{total - 1} ONNX files and timings.csv are in {folder}: time each file, write the milliseconds of one run into "
        f"the last column, and read them back with: helixnas costs {context.folder.path} --read-csv FILE"
    )
