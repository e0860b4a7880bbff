"""Work of the rate stage: the scores of every path of every block (Eq. 7, Alg. 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.files import read_json, remove, understanding, write_json
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.distributed.parallel import DataParallel, current, ordered
from helixnas.engine.job import run_job
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part, parts_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.sharing import RATING, say_shared
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.warning_signs import rating_warnings, warned
from helixnas.rating import Rating, Shard
from helixnas.rating.moments import add_moments
from helixnas.space import SearchSpace


def rate(context: Context, key: str, search: str) -> Result:
    """Rate every path of every block on the rating images."""
    spread, parallel, moments = context.spread, current(), _moments(context)
    if spread is None:
        rated = _rated_before(context, key)
        found = [_rate_moment(context, key, moment, parallel, rated) for moment in moments]
    else:
        found = _rate_on_workers(context, key, spread)
    names: list[str] = []
    for moment, tables in zip(moments, found, strict=True) if len(moments) > 1 else ():
        _save_moment(context, tables, moment)
        names += [f"ratings/moment-{moment}/block-{table.block}.parquet" for table in tables]
    tables = add_moments(found)
    for table in tables:
        table.save(context.folder.rating(table.block))
        names.append(f"ratings/block-{table.block}.parquet")
    batch_sizes = tables[0].batch_sizes
    facts: dict[str, Any] = {"paths": sum(map(len, tables)), "images": int(batch_sizes.sum())}
    facts |= warned(context, rating_warnings(len(batch_sizes)))
    if spread is None:
        return Result(tuple(names), facts, is_timed=parallel is None, temporary=(context.folder.rated_moments,))
    parts = parts_of(context.recipe, "rate", spread.size)
    files = tuple(table_file(context.folder, part, key, moment) for part in parts for moment in moments)
    threads = spread.num_threads(context.recipe)
    return Result(tuple(names), facts, is_timed=False, num_threads=threads, temporary=files)


def rate_part(context: Context, key: str, part: Part) -> None:
    """Rate the paths of a part as a job, and keep their scores for the command that asked for it."""
    shard, checkpoint = Shard(part.block, part.cell, part.prefix), context.folder.checkpoint(part.name)
    for moment in _moments(context):
        file = table_file(context.folder, part, key, moment)
        if not file.is_file():
            (table,) = _rate(context, key, moment, checkpoint, shard)
            table.save(file)
            remove(checkpoint)


def table_file(folder: RunFolder, part: Part, key: str, moment: int = 0) -> Path:
    """Return the scores of a part that a job rated with the settings of this key, at the end or an earlier moment."""
    return folder.jobs / f"{part.name}-{key}{f'-moment-{moment}' if moment else ''}.parquet"


def _moments(context: Context) -> list[int]:
    """Return the moments to rate, counted back from the end: the earliest first, the end (0) last."""
    return list(range(context.recipe.distill.num_moments - 1, -1, -1))


def _save_moment(context: Context, tables: Sequence[RatingTable], moment: int) -> None:
    for table in tables:
        table.save(context.folder.rating_at(table.block, moment))


def _rate_moment(
    context: Context, key: str, moment: int, parallel: DataParallel | None, rated: list[int]
) -> tuple[RatingTable, ...]:
    """Rate all paths at a moment, unless it is among those `rated` before, and add it to these; return a table per block."""
    folder = context.folder
    if moment in rated:
        numbers = range(1, len(context.space.blocks) + 1)
        return tuple(RatingTable.load(folder.rating_at(number, moment)) for number in numbers)
    tables = _rate_together(context, key, moment, parallel)
    if moment:
        _save_moment(context, tables, moment)
        rated.append(moment)
        write_json(folder.rated_moments, {"key": key, "moments": rated, "spent": context.watch.state()})
        remove(folder.checkpoint("rate"))
    return tables


def _rated_before(context: Context, key: str) -> list[int]:
    """Return the moments that an interrupted process rated with the settings of this key, and count the time it took."""
    file = context.folder.rated_moments
    found = read_json(file) if file.is_file() else {}
    if found.get("key") != key:
        return []
    with understanding(file):
        context.watch.restore(found["spent"])
        return [int(each) for each in found["moments"]]


@dataclass(frozen=True, kw_only=True)
class RateOrder:
    """What the first of several processes asks the others to rate with it."""

    recipe: Recipe
    folder: RunFolder
    key: str
    moment: int

    def take_part(self) -> None:
        """Rate a part of the paths; the first process saves the scores.

        Raises `JobError` if another process has ended, `Interrupted` if one was asked to stop.
        """
        context = Context(self.recipe, self.folder, Reporter())
        _rate(context, self.key, self.moment, self.folder.checkpoint("rate"), Shard(), current())


def _rate_together(context: Context, key: str, moment: int, parallel: DataParallel | None) -> tuple[RatingTable, ...]:
    """Rate all paths, with the other processes if there are any; return a table per block."""
    say_shared(context.reporter, parallel, RATING)
    order = RateOrder(recipe=context.recipe, folder=context.folder, key=key, moment=moment)
    return _rate(context, key, moment, context.folder.checkpoint("rate"), Shard(), parallel, order)


def _rate(
    context: Context,
    key: str,
    moment: int,
    checkpoint: Path,
    shard: Shard,
    parallel: DataParallel | None = None,
    order: RateOrder | None = None,
) -> tuple[RatingTable, ...]:
    """Rate the paths of a shard in this process, or a part of them as one of several; return a table per block.

    The first of several gives the others an `order`.
    """
    job = Rating(
        context.teacher,
        context.supernet_at(moment) if moment else context.supernet,
        context.data.rating,
        training_images=context.data.train,
        heads=context.heads,
        config=context.recipe.rating,
        runtime=context.runtime,
        seed=context.recipe.seed,
        shard=shard,
        parallel=parallel,
    )
    title = "rating" if not moment else f"rating after 1/{2**moment} of the steps"
    with ordered(order, parallel), context.reporter.progress(title, job.num_steps) as advance:
        run_job(
            job,
            checkpoint=checkpoint,
            key=f"{key} moment {moment}" if moment else key,
            device=context.runtime.device,
            log=lambda record: advance(record.step, f"{record.num_paths:,} paths a batch"),
            watch=context.watch,
            parallel=parallel,
        )
    return job.tables()


def _rate_on_workers(context: Context, key: str, spread: Spread) -> list[tuple[RatingTable, ...]]:
    """Let jobs rate the parts, and return per moment the table of every block, as one process would have made it."""
    parts = parts_of(context.recipe, "rate", spread.size)
    file = partial(table_file, context.folder, key=key)
    spread.run(parts, context.recipe, context.folder, context.reporter, is_done=lambda part: file(part).is_file())
    numbers, found = range(1, len(context.space.blocks) + 1), list[tuple[RatingTable, ...]]()
    for moment in _moments(context):
        tables = [RatingTable.load(file(part, moment=moment)) for part in parts]
        of = {number: [table for table in tables if table.block == number] for number in numbers}
        found.append(tuple(join_tables(of[number], context.space, number) for number in numbers))
    return found


def join_tables(tables: Sequence[RatingTable], space: SearchSpace, number: int) -> RatingTable:
    """Return the table of a block from those of its parts: rows by previous width, then cell, then path. Nothing is summed."""
    paths = [path for cell in space.blocks[number - 1].cells for path in cell.paths()]
    keys = [(width, path.text) for width in space.previous_widths(number) for path in paths]
    place = {
        (width, path): (table, row)
        for table in tables
        for row, (width, path) in enumerate(zip(table.previous_width.tolist(), table.path, strict=True))
    }
    found = [place[key] for key in keys]
    return RatingTable(
        block=number,
        previous_width=np.array([width for width, _ in keys], dtype=np.int64),
        path=tuple(path for _, path in keys),
        width=np.array([path.width for path in paths] * len(space.previous_widths(number)), dtype=np.int64),
        batch_sizes=tables[0].batch_sizes,
        scores={name: np.stack([table.scores[name][row] for table, row in found]) for name in tables[0].scores},
    )
