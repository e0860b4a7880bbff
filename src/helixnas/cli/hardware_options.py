"""The options --hardware and --price-per-hour: what a run would take and cost on hardware that is not here."""

from argparse import Namespace
from dataclasses import dataclass
from typing import TYPE_CHECKING

from helixnas.cli.command import Parser
from helixnas.errors import ConfigError

if TYPE_CHECKING:
    from helixnas.pipeline.hardware.devices import Hardware
    from helixnas.pipeline.hardware.measured import MeasuredThroughput


@dataclass(frozen=True, kw_only=True)
class Asked:
    """The hardware of a dry run, and its price."""

    hardware: "Hardware"
    measured: "MeasuredThroughput | None" = None
    """What its file says, where it is a file."""

    price: float | None = None
    """Of a device and an hour, in any currency."""


def add_hardware_options(parser: Parser) -> None:
    """Add the options."""
    known = "h200, h100, a100, l4, rtx4090, v100, cpu, a file of measured throughput, or a run"
    help = f"with --dry-run, estimate the time on other hardware: {known}; h100x8 for 8 of them"
    parser.option("--hardware", metavar="NAME", help=help)
    price = "price of one such device and hour, for the cost of a run"
    parser.number("--price-per-hour", None, price, metavar="PRICE", least=0.0)


def asked_hardware(options: Namespace) -> Asked | None:
    """Return the hardware that a dry run is for, None for this machine.

    Raises:
        ConfigError: an option without the one it needs.
        UnknownNameError: no such hardware.
        ArtifactError: a file of measured throughput is missing or cannot be used.
    """
    name, price = options.hardware, options.price_per_hour
    if name is None:
        if price is not None:
            raise ConfigError(
                "--price-per-hour is the price of a device, so it needs --hardware, for example --hardware h100x8"
            )
        return None
    if not options.dry_run:
        raise ConfigError("--hardware estimates the time on other hardware and runs nothing, so it needs --dry-run")
    from helixnas.pipeline.hardware.devices import parse_hardware
    from helixnas.pipeline.hardware.measured import MeasuredThroughput

    hardware = parse_hardware(name)
    is_file = hardware.measured is not None and hardware.measured.suffix == ".json"
    measured = MeasuredThroughput.load(hardware.measured) if is_file and hardware.measured is not None else None
    return Asked(hardware=hardware, measured=measured, price=price)
