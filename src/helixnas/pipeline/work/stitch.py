"""Work of the stitch stage: evaluate random stitched networks, and compare them with scores and sizes."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from torch import nn

from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.artifacts.files import write_json
from helixnas.artifacts.rating_table import spread_of_sums
from helixnas.engine.job import run_job
from helixnas.lab import Summed
from helixnas.pipeline.bridges import no_stitching
from helixnas.pipeline.context import Context, labelled_for
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.search import load_tables
from helixnas.pipeline.work.warning_signs import evidence_warnings, warned
from helixnas.rating import StitchedHead, Stitching, fit_classifier, fit_readouts, pooled_features, probe
from helixnas.rating.stitched_head import Readouts
from helixnas.rating.stitching import StitchRecord
from helixnas.search import Tables
from helixnas.search.config import SearchConfig
from helixnas.space import Architecture

NO_LABELS = (
    "with distill.objective=self-supervised the teacher has no trained head, and the linear readout that takes its place needs "
    "labels, which these images do not have"
)
"""Reason why the stitching check of DNA++ is unavailable."""


def stitch(context: Context, key: str, search: str) -> Result:
    """Evaluate random stitched networks, and correlate the results with summed scores and with size.

    A teacher that learned without labels gets a linear readout as its head where the images have labels; how well it
    classifies is stored beside.
    """
    if why := _why_unavailable(context):
        write_json(context.folder.stitching, {"architectures": [], "agreement": {}, "unavailable": why})
        return Result(("ratings/stitching.json",), {"check": f"unavailable: {why}"})
    joint = context.recipe.distill.is_self_supervised
    head, probes = _head(context) if joint and _has_labels(context) else (None, {})
    job = Stitching(
        context.teacher,
        context.supernet,
        context.space,
        context.data.rating if joint else labelled_for(context.teacher, context.data.rating),
        config=context.recipe.stitching,
        runtime=context.runtime,
        seed=context.recipe.seed,
        head=head,
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
    for name, sums in sums_of_searches(
        context.recipe.searches.values(), tables, job.architectures[: len(rows)]
    ).items():
        for row, value in zip(rows, sums.tolist(), strict=True):
            row["sums"] = {**row.get("sums", {}), name: value}
    summary = stitching_summary(rows) if len(rows) >= 3 else {}
    write_json(context.folder.stitching, {"architectures": rows, "agreement": summary, **probes})
    added = {name for config in context.recipe.searches.values() for name in config.scores}
    evidence = evidence_warnings(tables, context.space, sorted(added))
    return Result(("ratings/stitching.json",), {"architectures": len(rows), **probes, **warned(context, evidence)})


def _why_unavailable(context: Context) -> str:
    """Return why no stitched network can be measured; empty if it can, or if none is asked for and labels are not missing."""
    if context.recipe.distill.is_self_supervised:
        return "" if _has_labels(context) else NO_LABELS
    return no_stitching(context.teacher, context.space.strides) if context.recipe.stitching.num_architectures else ""


def _has_labels(context: Context) -> bool:
    """Whether labels are there and may be read; the digits come with theirs."""
    return context.recipe.data.labels and context.data.train.labels is not None


def _head(context: Context) -> tuple[StitchedHead, dict[str, Any]]:
    """Return a head of linear readouts, and the accuracy of one on the teacher's features after and before it learned.

    Fitted on training images, judged on rating images.
    """
    recipe, rating = context.recipe, context.recipe.rating
    train, held_out, number = context.data.train, context.data.rating, rating.readout_images
    context.reporter.say("stitch: fitting linear readouts on the teacher's features")
    readouts: dict[int, Readouts] = {}
    if recipe.stitching.num_architectures:
        readouts = fit_readouts(
            context.teacher,
            context.supernet,
            train,
            num_images=number,
            batch_size=rating.batch_size,
            runtime=context.runtime,
            seed=recipe.seed,
        )
    pooled = partial(pooled_features, batch_size=rating.batch_size, runtime=context.runtime, seed=recipe.seed)
    classifiers: list[nn.Linear] = []
    found: dict[str, Any] = {}
    for name, teacher in {"probe": context.teacher, "probe_before": context.load_teacher()}.items():
        features, labels = pooled(teacher, train, num_images=number)
        classifiers.append(fit_classifier(features, labels, num_classes=context.data.num_classes))
        judged = probe(classifiers[-1], *pooled(teacher, held_out, num_images=len(held_out)))
        found |= {name: judged.accuracy, "num_probed": judged.num_images, "num_fitted": len(labels)}
    return StitchedHead(readouts, classifiers[0]), found


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


def sums_of_searches(
    searches: Iterable[SearchConfig], tables: Tables, networks: Sequence[Architecture]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return what searches minimise, by name: a value per network for every sum that is not one kind of score alone.

    Sums of scores that are not there yet (calibrated ones), or are the same for every path, are left out.
    """
    kinds, found = tables.ratings[0].scores, dict[str, npt.NDArray[np.float64]]()
    for summed in (Summed.of(config, tables) for config in searches):
        is_there = all(kind in kinds and spread_of_sums(tables.ratings, kind) > 0 for kind in summed.scores)
        if summed.name not in (*kinds, *found) and is_there:
            found[summed.name] = summed.sums(tables, networks)
    return found


def stitching_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the rank agreement of summed scores and of each size with stitched networks; positive is better.

    ``score`` is the first kind of score; if there are several, ``kinds`` holds each. ``sums`` holds what searches minimise where
    that is no kind alone.
    """

    def column(values: Iterable[float]) -> npt.NDArray[np.float64]:
        return np.array(list(values), dtype=float)

    measured = -column(row["divergence"] for row in rows)
    sizes = {name: column(row[name] for row in rows) for name in ("macs", "params", "depth")}

    def figures(score: npt.NDArray[np.float64]) -> dict[str, Any]:
        beyond = partial_agreement(score, measured, sizes)
        return {
            **agreement(score, measured).to_dict(),
            "partial_spearman": beyond.value,
            "partial_spearman_interval": beyond.interval,
        }

    def summarised(field: str) -> dict[str, dict[str, Any]]:
        """Return the figures of every value, lower is better, that rows have in a field."""
        return {name: figures(-column(row[field][name] for row in rows)) for name in rows[0].get(field, {})}

    kinds, sums = summarised("scores"), summarised("sums")
    summary: dict[str, Any] = {"score": next(iter(kinds.values()))}
    summary |= {name: agreement(values, measured).to_dict() for name, values in sizes.items()}
    summary |= {name: summary["score"][name] for name in ("partial_spearman", "partial_spearman_interval")}
    return summary | ({"kinds": kinds} if len(kinds) > 1 else {}) | ({"sums": sums} if sums else {})
