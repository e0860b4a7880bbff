"""Work of the rate stage: the scores of every path of every block (Eq. 7, Alg. 1)."""

from typing import Any

from helixnas.engine.job import run_job
from helixnas.pipeline.context import Context
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.warning_signs import rating_warnings, warned
from helixnas.rating import Rating


def rate(context: Context, key: str, search: str) -> Result:
    """Rate every path of every block on the rating images."""
    job = Rating(
        context.teacher,
        context.supernet,
        context.data.rating,
        training_images=context.data.train,
        heads=context.heads,
        config=context.recipe.rating,
        runtime=context.runtime,
        seed=context.recipe.seed,
    )
    with context.reporter.progress("rating", job.num_steps) as advance:
        run_job(
            job,
            checkpoint=context.folder.checkpoint("rate"),
            key=key,
            device=context.runtime.device,
            log=lambda record: advance(record.step, f"{record.num_paths:,} paths a batch"),
            watch=context.watch,
        )
    names: list[str] = []
    for table in job.tables():
        table.save(context.folder.rating(table.block))
        names.append(f"ratings/block-{table.block}.parquet")
    facts: dict[str, Any] = {"paths": sum(len(table) for table in job.tables()), "images": len(context.data.rating)}
    facts |= warned(context, rating_warnings(len(job.batch_sizes)))
    return Result(tuple(names), facts)
