"""Work of the stitch stage: evaluate random stitched networks, and compare them with scores and sizes."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.artifacts.files import write_json
from helixnas.engine.job import run_job
from helixnas.pipeline.bridges import no_stitching
from helixnas.pipeline.context import Context, labelled_for
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.search import load_tables
from helixnas.rating import Stitching
from helixnas.rating.stitching import StitchRecord
from helixnas.search import Tables

NO_CHAIN = (
    "with distill.objective=self-supervised the student's blocks agree with the teacher's in embeddings and do not "
    "reproduce its features, so they cannot be chained without further training"
)
"""Reason why the stitching check of DNA++ is unavailable."""


def stitch(context: Context, key: str, search: str) -> Result:
    """Evaluate random stitched networks, and correlate the results with summed scores and with size."""
    if context.recipe.stitching.num_architectures and (why := _why_unavailable(context)):
        write_json(context.folder.stitching, {"architectures": [], "agreement": {}, "unavailable": why})
        return Result(("ratings/stitching.json",), {"check": f"unavailable: {why}"})
    job = Stitching(
        context.teacher,
        context.supernet,
        context.space,
        labelled_for(context.teacher, context.data.rating),
        config=context.recipe.stitching,
        runtime=context.runtime,
        seed=context.recipe.seed,
    )
    with context.reporter.progress("stitching", len(job.architectures)) as advance:
        run_job(
            job,
            checkpoint=context.folder.checkpoint("stitch"),
            key=key,
            device=context.runtime.device,
            log=lambda record: advance(len(job.records)),
            watch=context.watch,
        )
    tables = load_tables(context.folder, context.folder.load_record())
    rows = [_stitched_row(record, tables, context.space.stem_width) for record in job.records]
    summary = stitching_summary(rows) if len(rows) >= 3 else {}
    write_json(context.folder.stitching, {"architectures": rows, "agreement": summary})
    return Result(("ratings/stitching.json",), {"architectures": len(rows)})


def _why_unavailable(context: Context) -> str:
    """Return why no stitched network can be measured; empty if it can."""
    if context.recipe.distill.is_self_supervised:
        return NO_CHAIN
    return no_stitching(context.teacher, context.space.strides)


def _stitched_row(record: StitchRecord, tables: Tables, previous: int) -> dict[str, Any]:
    architecture = record.architecture
    scores = dict.fromkeys(tables.ratings[0].scores, 0.0)
    for table, path in zip(tables.ratings, architecture.paths, strict=True):
        row = table.row(previous, path.text)
        for kind in scores:
            scores[kind] += float(table.mean(kind)[row])
        previous = path.width
    return {
        "architecture": architecture.text,
        "score": next(iter(scores.values())),
        "scores": scores,
        "divergence": record.divergence,
        "accuracy": record.accuracy,
        "depth": architecture.effective_depth,
        **tables.costs.of(architecture),
    }


def stitching_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rank agreement of summed scores and of each size with stitched networks; positive is better.

    ``score`` is the first kind of score; if there are several, ``kinds`` holds each.
    """

    def column(values: Iterable[float]) -> npt.NDArray[np.float64]:
        return np.array(list(values), dtype=float)

    measured = -column(row["divergence"] for row in rows)
    sizes = {name: column(row[name] for row in rows) for name in ("macs", "params", "depth")}
    kinds: dict[str, dict[str, Any]] = {}
    for kind in rows[0]["scores"]:
        score = -column(row["scores"][kind] for row in rows)
        beyond = partial_agreement(score, measured, sizes)
        kinds[kind] = {
            **agreement(score, measured).to_dict(),
            "partial_spearman": beyond.value,
            "partial_spearman_interval": beyond.interval,
        }
    summary: dict[str, Any] = {"score": next(iter(kinds.values()))}
    summary |= {name: agreement(values, measured).to_dict() for name, values in sizes.items()}
    summary |= {name: summary["score"][name] for name in ("partial_spearman", "partial_spearman_interval")}
    return summary | ({"kinds": kinds} if len(kinds) > 1 else {})
