"""The hours of a recipe on hardware that is not here, with what is measured and what is assumed."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console

from helixnas.cli.hardware_options import Asked
from helixnas.cli.option_values import open_run, say
from helixnas.cli.tables.table import figure_table
from helixnas.errors import ConfigError
from helixnas.pipeline.hardware.devices import CPU, Device
from helixnas.pipeline.hardware.hours import (
    PAPER,
    WAYS,
    Basis,
    StageHours,
    basis_of,
    ends_text,
    shortest,
    stage_hours,
    total,
)
from helixnas.pipeline.hardware.measured import MeasuredThroughput
from helixnas.pipeline.recipe import Recipe

if TYPE_CHECKING:
    from helixnas.pipeline.estimate import Sketch
    from helixnas.pipeline.memory.need import Need

HEADS = {"alone": "1 device", "jobs": "{} devices, in jobs", "together": "{} devices, torchrun"}


def show_hours(
    recipe: Recipe, drawn: "Sketch", asked: Asked, needs: "Sequence[Need]", console: Console, *, until: str = ""
) -> Callable[[Recipe], list[StageHours]]:
    """Print the time of every stage and of all on the hardware asked for; `needs` is the memory of the stages.

    With `until` = search, stages after it are left out. Returns the times of the stages of a recipe of the same networks.

    Raises:
        ConfigError: the number of training images is not known.
        ArtifactError: the run that was given as hardware has no stage that was timed.
    """
    from helixnas.pipeline.work.distill import reason_not_to_divide

    if recipe.expected_training_images <= 0:
        raise ConfigError(
            "--hardware needs the number of training images, which is not known here; set expected_images, for example "
            "--expected-images 50000"
        )
    basis, title, notes = _basis(recipe, drawn, asked)
    number = asked.hardware.number
    is_divided = not reason_not_to_divide(recipe)
    hours = [one for one in stage_hours(recipe, basis, number, is_divided=is_divided) if one.is_search or not until]
    say(console, f"time on {f'{number} x ' if number > 1 else ''}{title}")
    _print_table(hours, number, console)
    for note in notes:
        say(console, note)
    device = asked.hardware.device
    memory = float("inf") if device is None else device.memory
    for need in [each for each in needs if each.total > memory]:
        divided = "use jobs of blocks, or " if need.stage == "distill" else ""
        say(
            console,
            f"memory of {need.stage}, about {need.total / 1e9:.0f} GB in float32, is more than the "
            f"{memory / 1e9:.0f} GB of a device; {divided}lower {need.setting}, now {need.batch}",
        )
    if recipe.name in PAPER:
        search = shortest(hours, of_search=True)
        days = ends_text(number * search.low / 86400, number * search.high / 86400)
        say(console, f"the search alone, all devices held: {days} device-days; {PAPER[recipe.name]}")
    if asked.price is not None:
        say_price(hours, asked, console)
    return lambda own: stage_hours(own, basis, number, is_divided=is_divided)


def _basis(recipe: Recipe, drawn: "Sketch", asked: Asked) -> tuple[Basis, str, list[str]]:
    """Return what times are computed from, the hardware in words, and sentences on what is measured and assumed."""
    from helixnas.pipeline.estimate import forward_macs, forward_times, roofline_times
    from helixnas.pipeline.hardware.roofline import REACHED

    hardware = asked.hardware
    images = "reading images is not included"
    if hardware.device is not None:
        low, high = REACHED
        basis = Basis(
            times=roofline_times(drawn, recipe, hardware.device),
            per_unit=lambda stage: 1.0,
            factors=(1 / high, 1 / low),
        )
        return basis, f"{hardware.device.title}: not measured", _assumptions(recipe, hardware.device, images)
    if hardware.name == CPU:
        note = f"from forward passes of both networks, measured on this machine just now; {images}"
        return Basis(times=forward_times(drawn, recipe), per_unit=lambda stage: 1.0), "this machine", [note]
    measured = _measured(asked)
    notes = [f"from measured throughput{f' ({measured.conditions})' if measured.conditions else ''}"]
    if measured.missing:
        notes.append(f"{', '.join(measured.missing)}: not measured, so the slowest of the measured kinds is taken")
    return basis_of(measured, forward_macs(drawn, recipe)), measured.device, notes


def _assumptions(recipe: Recipe, device: Device, images: str) -> list[str]:
    from helixnas.pipeline.hardware.roofline import REACHED, SECONDS_TO_START

    used, peak = device.peak(recipe.runtime.precision)
    low, high = REACHED
    return [
        f"not measured: no figure is from such a device. Computed from published peaks ({peak / 1e12:g} TFLOPS in {used}, "
        f"{device.bandwidth / 1e12:g} TB/s) operation by operation; assumed: {100 * low:g} to {100 * high:g} % of that bound is "
        f"reached, {1e6 * SECONDS_TO_START:g} microseconds to start an operation, and torchrun loses nothing; {images}",
        "measure it: run a short recipe there and give its folder, or a file, as --hardware (guide: Scale out)",
    ]


def _measured(asked: Asked) -> MeasuredThroughput:
    path = asked.hardware.measured
    assert path is not None, "hardware has a name or a path"
    if asked.measured is not None:
        return asked.measured
    from helixnas.pipeline.ad_hoc.throughput import throughput_of

    return throughput_of(*open_run(str(path)))


def _print_table(hours: Sequence[StageHours], number: int, console: Console) -> None:
    ways = WAYS if number > 1 else WAYS[:1]
    table = figure_table("", "stage", *(HEADS[way].format(number) for way in ways))
    for one in hours:
        spans = [getattr(one, way) for way in ways]
        texts = [span.text() for span in spans]
        table.add_row(
            one.name,
            texts[0],
            *("as on 1" if span == spans[0] else text for span, text in zip(spans[1:], texts[1:], strict=True)),
        )
    table.add_row("all", *(total(getattr(one, way) for one in hours).text() for way in ways), style="bold")
    console.print(table)


def say_price(hours: Sequence[StageHours], asked: Asked, console: Console) -> None:
    """Print what the devices cost while the run takes the shortest way through every stage."""
    assert asked.price is not None
    whole, number = shortest(hours), asked.hardware.number
    amounts = [number * each / 3600 * asked.price for each in (whole.low, whole.high)]
    held = f"{number} devices" if number > 1 else "a device"
    say(
        console,
        f"cost: {ends_text(*amounts)}, for {held} held for {whole.text()} at {asked.price:g} per device and hour",
    )
