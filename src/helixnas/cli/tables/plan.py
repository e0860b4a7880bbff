"""The dry run of a recipe: its stages first, then its networks, memory and estimated time, which need torch."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Column, Table

from helixnas.artifacts.run_folder import RunFolder
from helixnas.artifacts.run_record import RunRecord
from helixnas.cli.hardware_options import Asked
from helixnas.cli.option_values import say
from helixnas.engine.timing import duration
from helixnas.pipeline import stages
from helixnas.pipeline.hardware.hours import Basis, StageHours, shortest, stage_hours
from helixnas.pipeline.plan import PlannedStage, is_done, plan
from helixnas.pipeline.recipe import Recipe
from helixnas.search.amounts import LATENCY_LIMITS, parse_amount

if TYPE_CHECKING:
    from helixnas.pipeline.estimate import Sketch

MONTH = 30 * 24 * 3600
"""A month in seconds."""

MANY_CELLS = 6
"""Number of cells in a block up to which each is listed."""


Estimate = Callable[[Recipe], list[StageHours]]
"""The times of the stages of a recipe with the networks of one that was shown, as many epochs as it names."""


def show_plan(
    recipe: Recipe, folder: RunFolder, console: Console, *, until: str = "", others: Sequence[RunFolder] = ()
) -> None:
    """Print the stages of a recipe, up to a verb or all, with the work and state of each; loads no torch.

    Those that the `others` have finished are to be reused.
    """
    console.print(f"[bold]{recipe.name}[/bold]: {recipe.description}", highlight=False, soft_wrap=True)
    record = folder.load_record() if folder.exists() else RunRecord(recipe=recipe.name)
    finished = [(other.load_record(), other) for other in others]
    table = Table("stage", "work", "state", title="stages", title_justify="left")
    for one in _up_to(until, plan(recipe.to_dict(), record.contents)):
        state = "done" if is_done(one, record, folder) else "to redo" if one.name in record.stages else "to do"
        if state != "done" and any(is_done(one, *each) for each in finished):
            state = "to be reused"
        table.add_row(one.name, one.stage.describe(recipe, one.search), state)
    console.print(table)


def _up_to(until: str, planned: Iterable[PlannedStage]) -> list[PlannedStage]:
    """Return the planned stages up to a verb, which may be empty for all."""
    return [one for one in planned if not until or stages.position(one.stage.verb) <= stages.position(until)]


def show_sizes(
    recipe: Recipe,
    folder: RunFolder,
    console: Console,
    asked: Asked | None = None,
    *,
    num_classes: int | None,
    until: str = "",
) -> Estimate | None:
    """Print the networks of a recipe, block by block, and estimates of memory and time, here or on the hardware asked for.

    `num_classes` are those of the images, None where they are not known (`count_classes`). Times are those up to the verb
    `until`, or all. Returns what estimates them; None where the number of training images is not known.

    Raises:
        HelixError: the recipe's networks cannot be built.
        InfeasibleBudgetError: no architecture meets the budgets of a search.
    """
    from helixnas.nn import count_params
    from helixnas.pipeline.batch_norm import check_batch_norm
    from helixnas.pipeline.bridges import cut_texts
    from helixnas.pipeline.estimate import sketch
    from helixnas.pipeline.memory.stages import needs_of
    from helixnas.pipeline.work.early_budgets import check_early
    from helixnas.teacher import count_teacher

    drawn = sketch(recipe, num_classes)
    check_batch_norm(recipe, [one.stage.name for one in plan(recipe.to_dict())], drawn)
    costs = count_teacher(drawn.teacher, drawn.image_size)
    name = recipe.teacher.title
    untrained = "random, learns with the supernet" if recipe.distill.is_self_supervised else "trained by the recipe"
    weights = f"weights: {recipe.teacher.weights}" if recipe.teacher.weights else untrained
    say(
        console,
        f"teacher {name}: {costs['params'] / 1e6:.2f} M parameters, {costs['macs'] / 1e6:,.1f} M multiply-adds at "
        f"{drawn.image_size} pixels, {weights}",
    )
    say(console, f"classes: {_classes_text(recipe, num_classes, drawn.num_classes)}")
    console.print(_blocks_table(drawn))
    for text in cut_texts(drawn.teacher, drawn.space.strides):
        say(console, f"teacher: {text}")
    say(
        console,
        f"space {drawn.space.name}: {drawn.space.size:,} architectures; supernet "
        f"{count_params(drawn.supernet) / 1e6:.2f} M parameters",
    )
    needs = needs_of(drawn, recipe, {one.stage.name for one in _up_to(until, plan(recipe.to_dict()))})
    figures = [f"{need.stage} {need.total / 2**30:.2f} GiB at batch {need.batch}" for need in needs]
    say(console, f"memory, estimated in float32 and without the framework: {', '.join(figures)}")
    _show_cache(recipe, drawn, console)
    for search_name, search in recipe.searches.items():
        limits = [f"{key} <= {_amount(value, key, costs)}" for key, value in search.max.items()]
        limits += [f"{key} >= {_amount(value, key, costs)}" for key, value in search.min.items()]
        say(console, f"search {search_name}: {' and '.join(limits) or 'no limits'}")
    check_early(recipe, folder, num_classes=drawn.num_classes, costs=drawn.costs)
    if asked is not None:
        from helixnas.cli.tables.hardware import show_hours

        return show_hours(recipe, drawn, asked, needs, console, until=until)
    if recipe.expected_training_images > 0:
        return _show_times(recipe, drawn, console, until=until)
    return None


def show_end_of_generations(
    recipe: Recipe, shown: Sequence[tuple[Recipe, Estimate | None]], console: Console, asked: Asked | None
) -> None:
    """Print what follows the searches of generations, which are `shown`: the check, retraining, and the time of all.

    The networks of the first generation stand for those that are checked, those of the last for the best's.
    """
    from helixnas.generations.check import check_at_hand
    from helixnas.generations.recipe import generations_of, search_of

    (first, of_first), (last, of_last) = shown[0], shown[-1]
    hours = [each for own, estimate in shown if estimate for each in estimate(own) if each.is_search]
    if check_at_hand(recipe) == "retrained" and first.retrain is not None:
        epochs = generations_of(recipe).stop.num_epochs
        fit = replace(first.retrain, fit=first.retrain.fit.shortened(epochs), init="scratch")
        name = f"retrain:{search_of(recipe)}"
        checks = [] if of_first is None else [one for one in of_first(replace(first, retrain=fit)) if one.name == name]
        say(console, f"check: {epochs} epochs of every generation's winner{_each(checks, asked)}")
        hours += checks * len(shown)
    if last.retrain is not None:
        retraining = [] if of_last is None else [one for one in of_last(last) if not one.is_search]
        say(console, f"retrain: the best generation only{_each(retraining, asked)}")
        hours += retraining
    if not hours:
        return
    where = "on this machine" if asked is None else "in the shortest way of every stage"
    say(console, f"estimated time of all {len(shown)} generations {where}: {_taken(hours, asked)}")
    if asked is not None and asked.price is not None:
        from helixnas.cli.tables.hardware import say_price

        say_price(hours, asked, console)


def _each(hours: Sequence[StageHours], asked: Asked | None) -> str:
    return f", about {_taken(hours, asked)}" if hours else ""


def _taken(hours: Sequence[StageHours], asked: Asked | None) -> str:
    """Return a time as it is told above: on this machine as a duration, elsewhere as a range."""
    span = shortest(hours)
    return duration(span.high) if asked is None else span.text()


def _show_cache(recipe: Recipe, drawn: "Sketch", console: Console) -> None:
    """Print how much disk the feature cache needs, per view of an image where the number of images is unknown."""
    from helixnas.distill import pool_bytes

    views, images = recipe.distill.feature_cache, recipe.expected_training_images
    if not views:
        return
    shapes = [(width, *size) for width, size in zip(drawn.teacher.widths, drawn.teacher.feature_sizes, strict=True)]
    per_view = pool_bytes(1, drawn.image_size, shapes)
    if images > 0:
        say(
            console,
            f"feature cache: {views * images * per_view / 2**30:,.2f} GiB on disk for {views} views of {images:,} images",
        )
    else:
        say(
            console, f"feature cache: {views * per_view / 2**20:,.3f} MiB on disk per training image, for {views} views"
        )


def _classes_text(recipe: Recipe, of_images: int | None, number: int) -> str:
    """Return the number of classes of the searched networks, and where it comes from."""
    if of_images is not None:
        return f"{number:,}, those of the images"
    if not recipe.data.labels:
        return f"{number:,}, those of the teacher, since data.labels is false"
    where = recipe.data.name or recipe.data.root
    return f"{number:,}, assumed from the teacher, since those of the images ({where}) are not known here"


def _show_times(recipe: Recipe, drawn: "Sketch", console: Console, *, until: str) -> Estimate:
    """Print how long the stages will take, estimated from forward passes on this machine, and return the estimate."""
    from helixnas.pipeline.estimate import forward_times

    times = forward_times(drawn, recipe)
    planned = _up_to(until, plan(recipe.to_dict()))
    found = {one.name: one.stage.seconds(recipe, times) for one in planned if one.stage.seconds}
    shown = [f"{name} {duration(seconds)}" for name, seconds in found.items() if seconds > 0]
    total = sum(found.values())
    text = f"{duration(total)}: {', '.join(shown)}"
    say(console, f"estimated time on this machine, from forward passes of both networks: {text}")
    if total > MONTH:
        say(
            console, "that is more than a month; --hardware h100x8, for example, estimates the hours of another machine"
        )
    basis = Basis(times=times, per_unit=lambda stage: 1.0)
    return lambda own: stage_hours(own, basis, 1, is_divided=False)


def _blocks_table(drawn: "Sketch") -> Table:
    from helixnas.nn import count_params

    heads = ("block", "teacher boundary", "teacher features", "cells (layers x width)", "paths", "supernet parameters")
    columns = [Column(head, justify="left" if head.startswith("cells") else "right") for head in heads]
    table = Table(*columns, title="blocks", title_justify="left")
    for block, spec in zip(drawn.supernet, drawn.space.blocks, strict=True):
        k = block.number - 1
        height, width = drawn.teacher.feature_sizes[k]
        features = f"{drawn.teacher.widths[k]} x {height} x {width}"
        cells = _cells_text([(cell.depths, cell.width) for cell in spec.cells])
        counts = (f"{spec.num_paths:,}", f"{count_params(block):,}")
        table.add_row(str(block.number), drawn.teacher.boundaries[k], features, cells, *counts)
    return table


def _cells_text(cells: Sequence[tuple[str, int]]) -> str:
    """Return the cells of a block, given by depth and width; where a depth has many widths, from the first to the last.

    >>> _cells_text([("2", 24), ("3", 24), ("2", 32)])
    '2 x 24, 3 x 24, 2 x 32'
    >>> _cells_text([(depth, width) for depth in ("3", "4") for width in range(224, 449, 32)])
    '3 x 224 to 448 (8 widths), 4 x 224 to 448 (8 widths)'
    """
    if len(cells) <= MANY_CELLS:
        return ", ".join(f"{depths} x {width}" for depths, width in cells)
    by_depth = dict[str, list[int]]()
    for depths, width in cells:
        by_depth.setdefault(depths, []).append(width)
    return ", ".join(
        f"{depths} x {widths[0]}" + (f" to {widths[-1]} ({len(widths)} widths)" if len(widths) > 1 else "")
        for depths, widths in by_depth.items()
    )


def _amount(value: str | int | float, name: str, teacher: Mapping[str, int]) -> str:
    if name in LATENCY_LIMITS:
        return str(value)
    exact = parse_amount(value, reference=teacher.get(name))
    return f"{exact:,}" + (f" ({value} of the teacher's)" if str(value).strip().endswith("%") else "")
