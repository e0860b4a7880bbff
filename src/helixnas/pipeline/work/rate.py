"""Work of the rate stage: the scores of every path of every block (Eq. 7, Alg. 1)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from helixnas.artifacts.files import remove
from helixnas.artifacts.rating_table import RatingTable
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.job import run_job
from helixnas.engine.parallel import DataParallel, current, ordered
from helixnas.engine.progress import Reporter
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part, parts_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.sharing import RATING, say_shared
from helixnas.pipeline.spread import Spread
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.warning_signs import rating_warnings, warned
from helixnas.rating import Rating, Shard
from helixnas.space import SearchSpace


def rate(context: Context, key: str, search: str) -> Result:
    """Rate every path of every block on the rating images."""
    spread, parallel = context.spread, current()
    tables = _rate_together(context, key, parallel) if spread is None else _rate_on_workers(context, key, spread)
    names: list[str] = []
    for table in tables:
        table.save(context.folder.rating(table.block))
        names.append(f"ratings/block-{table.block}.parquet")
    batch_sizes = tables[0].batch_sizes
    facts: dict[str, Any] = {"paths": sum(map(len, tables)), "images": int(batch_sizes.sum())}
    facts |= warned(context, rating_warnings(len(batch_sizes)))
    if spread is None:
        return Result(tuple(names), facts, is_timed=parallel is None)
    for part in parts_of(context.recipe, "rate", spread.size):
        remove(table_file(context.folder, part, key))
    return Result(tuple(names), facts, is_timed=False, num_threads=spread.num_threads(context.recipe))


def rate_part(context: Context, key: str, part: Part) -> None:
    """Rate the paths of a part as a job, and keep their scores for the command that asked for it."""
    file = table_file(context.folder, part, key)
    if not file.is_file():
        shard = Shard(part.block, part.cell, part.prefix)
        (table,) = _rate(context, key, context.folder.checkpoint(part.name), shard)
        table.save(file)


def table_file(folder: RunFolder, part: Part, key: str) -> Path:
    """Return the scores of a part that a job rated with the settings of this key."""
    return folder.jobs / f"{part.name}-{key}.parquet"


@dataclass(frozen=True, kw_only=True)
class RateOrder:
    """What the first of several processes asks the others to rate with it."""

    recipe: Recipe
    folder: RunFolder
    key: str

    def take_part(self) -> None:
        """Rate a part of the paths; the first process saves the scores.

        Raises `JobError` if another process has ended, `Interrupted` if one was asked to stop.
        """
        context = Context(self.recipe, self.folder, Reporter())
        _rate(context, self.key, self.folder.checkpoint("rate"), Shard(), current())


def _rate_together(context: Context, key: str, parallel: DataParallel | None) -> tuple[RatingTable, ...]:
    """Rate all paths, with the other processes if there are any; return a table per block."""
    say_shared(context.reporter, parallel, RATING)
    order = RateOrder(recipe=context.recipe, folder=context.folder, key=key)
    return _rate(context, key, context.folder.checkpoint("rate"), Shard(), parallel, order)


def _rate(
    context: Context,
    key: str,
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
        context.supernet,
        context.data.rating,
        training_images=context.data.train,
        heads=context.heads,
        config=context.recipe.rating,
        runtime=context.runtime,
        seed=context.recipe.seed,
        shard=shard,
        parallel=parallel,
    )
    with ordered(order, parallel), context.reporter.progress("rating", job.num_steps) as advance:
        run_job(
            job,
            checkpoint=checkpoint,
            key=key,
            device=context.runtime.device,
            log=lambda record: advance(record.step, f"{record.num_paths:,} paths a batch"),
            watch=context.watch,
            parallel=parallel,
        )
    return job.tables()


def _rate_on_workers(context: Context, key: str, spread: Spread) -> tuple[RatingTable, ...]:
    """Let jobs rate the parts, and return the table of every block, as one process would have made it."""
    parts = parts_of(context.recipe, "rate", spread.size)
    file = partial(table_file, context.folder, key=key)
    spread.run(parts, context.recipe, context.folder, context.reporter, is_done=lambda part: file(part).is_file())
    numbers = range(1, len(context.space.blocks) + 1)
    tables = {number: [RatingTable.load(file(part)) for part in parts if part.block == number] for number in numbers}
    return tuple(join_tables(tables[number], context.space, number) for number in numbers)


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
