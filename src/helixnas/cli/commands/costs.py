"""Command costs: count the costs of a run's paths, and measure, export or read latencies."""

from argparse import Namespace
from pathlib import Path

from rich.console import Console

from helixnas.cli.command import Command, Parser
from helixnas.cli.option_values import named_as_options, open_run, whole_number
from helixnas.errors import ConfigError
from helixnas.pipeline.stages.costs import COSTS

SOURCES = ("latency", "export_onnx", "read_csv")

HOW = {"batch_size": 1, "image_size": 0, "num_threads": 0, "num_rounds": 30, "num_networks": 20}
"""Options of measuring, with their defaults."""


def _add_options(parser: Parser) -> None:
    parser.option("run", metavar="RUN", help="the folder of a run")
    source = parser.add_argument_group("source of latencies; the recipe's if none is given")
    parser.option(
        "--latency",
        metavar="RUNTIME",
        group=source,
        help="measure on this device: pytorch-eager, torch-compile, onnxruntime-cpu, pytorch-eager-cuda, ...",
    )
    parser.option(
        "--export-onnx",
        metavar="DIR",
        group=source,
        help="write every part as an ONNX file, with a CSV to fill in on a phone or board",
    )
    parser.option(
        "--read-csv", metavar="FILE", group=source, help="read the latencies of another device from the filled-in CSV"
    )
    how = parser.add_argument_group("measuring")
    parser.option(
        "--again", action="store_true", group=how, help="measure even if latency was measured with the same settings"
    )
    for name, text in (
        ("batch_size", "images per forward pass"),
        ("image_size", "side in pixels; 0 for that of the run"),
        ("num_threads", "CPU threads; 0 for the runtime's choice"),
        ("num_rounds", "number of timings of each part; the median counts"),
        ("num_networks", "random networks measured whole, to show the error of the sums"),
    ):
        option = f"--{name.replace('_', '-')}"
        parser.option(option, metavar="N", type=whole_number, default=HOW[name], group=how, help=text)


def _costs(options: Namespace, console: Console) -> None:
    from helixnas.costs.config import CostsConfig

    recipe, folder = open_run(options.run)
    chosen = [name for name in SOURCES if getattr(options, name) is not None]
    if len(chosen) > 1:
        names = " and ".join(f"--{name.replace('_', '-')}" for name in chosen)
        raise ConfigError(f"{names} exclude each other; give one of them at a time")
    idle = [name for name, default in HOW.items() if getattr(options, name) != default]
    if idle and not chosen:
        option = f"--{idle[0].replace('_', '-')}"
        raise ConfigError(f"{option} is for measuring latency; add --latency RUNTIME or --export-onnx DIR")
    if options.again and options.export_onnx is not None:
        raise ConfigError("--again measures latency once more and --export-onnx measures nothing; leave one out")
    with named_as_options("costs"):
        config = CostsConfig(
            latency=options.latency or "",
            latency_csv=options.read_csv or "",
            **{name: getattr(options, name) for name in HOW},
        )
    from helixnas.cli.progress import ConsoleReporter
    from helixnas.pipeline.ad_hoc.costs import run_costs

    export = None if options.export_onnx is None else Path(options.export_onnx)
    asked = config if chosen else None
    run_costs(recipe, folder, ConsoleReporter(console), config=asked, export=export, again=options.again)


COMMANDS = (
    Command(
        name="costs",
        purpose=COSTS.purpose,
        example="helixnas costs runs/digits --latency onnxruntime-cpu",
        add_options=_add_options,
        run=_costs,
    ),
)
