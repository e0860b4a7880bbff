"""Command costs: count the costs of a run's paths, and measure, export or read latencies."""

from argparse import Namespace
from pathlib import Path

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import named_as_options, open_run
from helixnas.errors import ConfigError
from helixnas.pipeline.stages.costs import COSTS

HOW = {
    "batch_size": (1, "images per forward pass"),
    "image_size": (0, "image height and width in pixels; 0 for that of the run"),
    "num_threads": (0, "CPU threads; 0 for the runtime's choice"),
    "num_rounds": (30, "timings of each part; the median is used"),
    "num_networks": (20, "random whole networks, measured to show the error of the sums"),
}
"""Options of measuring, with default and help."""

USED = {"latency": tuple(HOW), "export_onnx": ("batch_size", "image_size", "num_networks"), "read_csv": ()}
"""Those that a source of latencies takes; a CSV names its own batch and image size."""


def _add_options(parser: Parser) -> None:
    parser.run_folder()
    parser.group("source of latencies; the recipe's if none is given")
    runtimes = "pytorch-eager, torch-compile, onnxruntime-cpu, pytorch-eager-cuda, ..."
    parser.option("--latency", metavar="RUNTIME", help=f"measure on this device: {runtimes}")
    parser.option("--export-onnx", metavar="DIR", help="write ONNX files, and a CSV to fill in on another device")
    parser.option("--read-csv", metavar="FILE", help="read the latencies of another device from the filled-in CSV")
    parser.group("measuring")
    parser.flag("--again", "measure again even if latency was measured with the same settings")
    for name, (default, text) in HOW.items():
        parser.whole(_option(name), default, text)


def _costs(options: Namespace, console: Console) -> None:
    from helixnas.costs.config import CostsConfig

    recipe, folder = open_run(options.run, console)
    chosen = [name for name in ("latency", "export_onnx", "read_csv") if getattr(options, name) is not None]
    if len(chosen) > 1:
        raise ConfigError(f"{' and '.join(map(_option, chosen))} exclude each other; give one of them")
    idle = [name for name, (default, _) in HOW.items() if getattr(options, name) != default]
    if idle and not chosen:
        raise ConfigError(f"{_option(idle[0])} is for measuring latency; add --latency RUNTIME or --export-onnx DIR")
    if unused := [name for name in idle if name not in USED[chosen[0]]]:
        raise ConfigError(f"{_option(unused[0])} changes nothing with {_option(chosen[0])}; leave it out")
    if options.again and options.export_onnx is not None:
        raise ConfigError("--again measures latency again, but --export-onnx measures nothing; leave one out")
    with named_as_options("costs"):
        how = {name: getattr(options, name) for name in HOW}
        config = CostsConfig(latency=options.latency or "", latency_csv=options.read_csv or "", **how)
    from helixnas.engine.console import ConsoleReporter
    from helixnas.pipeline.ad_hoc.costs import run_costs

    export = None if options.export_onnx is None else Path(options.export_onnx)
    asked = config if chosen else None
    run_costs(recipe, folder, ConsoleReporter(console), config=asked, export=export, again=options.again)


def _option(setting: str) -> str:
    return f"--{setting.replace('_', '-')}"


COMMANDS = (
    Command(
        name="costs",
        purpose=COSTS.purpose,
        example="helixnas costs runs/digits --latency onnxruntime-cpu",
        add_options=_add_options,
        run=_costs,
    ),
)
