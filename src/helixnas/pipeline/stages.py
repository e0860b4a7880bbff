"""The stages up to the ratings: teacher, costs, distill, rate, stitch; each reads the files of those before.

A stage function returns the files it wrote (relative to the run folder) and the facts it found out.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from helixnas.artifacts.agreement import agreement, partial_agreement
from helixnas.artifacts.files import write_atomically, write_json
from helixnas.costs import cost_table
from helixnas.distill import Distillation, Progressive, StepRecord
from helixnas.engine import evaluate
from helixnas.errors import NonFiniteLossError
from helixnas.pipeline.continuation import Continuation
from helixnas.pipeline.drive import discard, drive
from helixnas.pipeline.history import History, load_history, save_history
from helixnas.pipeline.kept import load_kept, save_kept
from helixnas.pipeline.plan import teacher_training_key
from helixnas.pipeline.run_folder import RunFolder
from helixnas.pipeline.session import Session
from helixnas.pipeline.training import Curves, fit_classifier
from helixnas.rating import Rating, Stitching, rate_extensions
from helixnas.rating.stitching import StitchRecord
from helixnas.supernet import Supernet
from helixnas.teacher import (
    Standardization,
    count_teacher,
    measure_feature_statistics,
    save_feature_statistics,
    save_teacher,
    trained_weights,
)

UNITS_BATCH, NUM_UNITS_BATCHES = 128, 8
"""Over how many training images the teacher's features are standardised."""

NO_STITCHING = (
    "the teacher's output does not depend on the last boundary's features (a transformer that classifies by its class "
    "token), so no stitched network can be measured with its head"
)
"""Why the stitching check of a run is unavailable."""


class Result(NamedTuple):
    """What a stage leaves."""

    files: tuple[str, ...]
    """Relative to the run folder."""

    facts: Mapping[str, Any]
    """Plain values for record and report."""

    is_timed: bool = True
    """Whether the time of all of it is known: not where other processes did a part."""


def make_teacher(session: Session, key: str) -> Result:
    """Build the teacher, train it where it has no weights, measure and save it."""
    teacher = session.new_teacher()
    recipe, curves, folder = session.recipe, Curves(), session.folder
    trained_as = "" if recipe.teacher.weights else teacher_training_key(recipe.to_dict())
    trained = (
        trained_weights(folder.teacher, trained_as) if trained_as and folder.history("teacher").is_file() else None
    )
    if trained is not None:
        session.reporter.say("teacher: trained before with the same settings")
        teacher.model.load_state_dict(trained)
    elif trained_as:
        session.data.train.require_labels("training the teacher")
        fit_classifier(
            session,
            teacher.model,
            teacher,
            config=recipe.teacher_fit,
            stage="teacher",
            key=key,
            curves=curves,
            title="training the teacher",
        )
    files = save_teacher(teacher, folder.teacher, recipe.built_teacher, trained_as=trained_as)
    if trained is None:
        curves.losses.save(folder.history("teacher"))
    session.forget()
    names = [f"teacher/{name}" for name in (*files, save_feature_statistics(_measure_units(session), folder.teacher))]
    steps = load_history(folder.history("teacher"))["step"].to_numpy()
    facts: dict[str, Any] = {
        "model": recipe.teacher.network or recipe.teacher.model,
        "boundaries": list(teacher.boundaries),
        "widths": list(teacher.widths),
        "images": int(steps.max(initial=0)) * recipe.teacher_fit.batch_size,
        **count_teacher(teacher, session.image_size),
    }
    images = session.data.evaluation
    if images is not None and images.num_classes == teacher.num_classes:
        result = evaluate(
            teacher.model,
            images,
            batch_size=recipe.rating.batch_size,
            runtime=session.runtime,
            normalize=teacher.normalize,
        )
        facts |= {"accuracy": result.accuracy, "num_evaluated": result.num_images}
    return Result((*names, "history/teacher.parquet"), facts, is_timed=trained is None)


def _measure_units(session: Session) -> tuple[Standardization, ...]:
    """Return what standardises the saved teacher's features, over some training images as distillation sees them."""
    images, teacher = session.data.train, session.load_teacher()
    size = min(UNITS_BATCH, len(images))
    total = min(NUM_UNITS_BATCHES, images.num_batches(size, drop_last=True))
    stream = images.batches(
        batch_size=size, seed=session.recipe.seed, epoch=0, augment=True, shuffle=True, skip=0, drop_last=True
    )
    with session.reporter.progress("measuring the teacher's features", total) as advance:

        def measured() -> Iterator[tuple[Tensor, ...]]:
            for number, batch in zip(range(1, total + 1), stream, strict=False):
                with torch.no_grad(), session.runtime.autocast():
                    yield teacher.features(session.runtime.images(batch.images))[1:]
                advance(number)

        return measure_feature_statistics(measured())


def distill(session: Session, key: str, blocks: tuple[int, ...] = ()) -> Result:
    """Train the supernet's blocks on the teacher's features; with `blocks`, only those.

    A block that was trained alone with the same settings is taken over as it is.
    """
    folder, wanted = session.folder, blocks or tuple(range(1, len(session.space.blocks) + 1))
    progressive = session.recipe.distill.is_progressive
    chosen = tuple(number for number in wanted if not is_trained(folder, number, key))
    if progressive and (chosen or load_kept(folder.kept, key) is None):
        chosen = wanted  # every block stands on those before it
    stage = "distill" if not blocks else "distill-" + "-".join(map(str, blocks))
    if chosen:
        _distill(session, key, chosen, folder.checkpoint(stage))
    curves = pd.concat([load_history(folder.block_history(number)) for number in wanted], ignore_index=True)
    names = [folder.supernet_block(number) for number in wanted] + [folder.block_history(number) for number in wanted]
    if not blocks:
        save_history(curves, folder.history("distill"))
        names.append(folder.history("distill"))
    steps = int(curves["step"].to_numpy().max())
    facts: dict[str, Any] = {"steps": steps, "images": steps * session.recipe.distill.batch_size}
    kept = load_kept(folder.kept, key) if progressive else None
    if kept is not None:
        names.append(folder.kept)
        facts["best_kept"], facts["best_kept_score"] = kept[-1][0]
    files = tuple(str(name.relative_to(folder.path)) for name in names)
    return Result(files, facts, is_timed=chosen == wanted)


def _distill(session: Session, key: str, blocks: tuple[int, ...], checkpoint: Path) -> None:
    """Train some blocks side by side and save each with its curves; a block whose loss is not finite is left out.

    Raises:
        NonFiniteLossError: a block stopped; the others are trained and saved, and are not trained again.
    """
    supernet, history = session.new_supernet(), History()
    job = _distillation(session, supernet, blocks)
    continuation = Continuation(session, job) if isinstance(job, Distillation) else None
    if continuation is not None:
        continuation.offer(checkpoint, f"{key} {blocks}")
    with session.reporter.progress("distilling", job.num_steps) as advance:
        told: set[int] = set()

        def log(record: StepRecord) -> None:
            if not record.losses:
                advance(record.step, "rating what the block adds")
                return
            for number in job.failures.keys() - told:
                told.add(number)
                session.reporter.say(f"block {number} stops, the others go on: {job.failures[number]}")
            values = {_curve_name(block, cell): loss for (block, cell), loss in record.losses.items()}
            history.add(record.step, values)
            session.reporter.scalars({f"distill/{name}": loss for name, loss in values.items()}, record.step)
            mean = np.mean(list(record.losses.values()))
            advance(record.step, f"epoch {record.epoch + 1}/{job.config.num_epochs}, mean squared error {mean:.4f}")

        failure: NonFiniteLossError | None = None
        try:
            drive(
                job,
                checkpoint=checkpoint,
                key=f"{key} {blocks}",
                device=session.runtime.device,
                log=log,
                history=history.state,
                resume=history.restore,
                watch=session.watch,
            )
        except NonFiniteLossError as error:
            failure = error
    if isinstance(job, Progressive) and failure is None:
        save_kept(job, session.folder.kept, key)
    curves = history.frame()
    for number in (number for number in blocks if number not in job.failures):
        own = [_curve_name(number, cell) for cell in range(len(supernet.block(number).cells))]
        of_block = curves.loc[curves["name"].isin(own), :]
        save_history(of_block, session.folder.block_history(number))
        state = {name: tensor.contiguous() for name, tensor in supernet.block(number).state_dict().items()}
        write_atomically(
            session.folder.supernet_block(number),
            lambda temporary, state=state: save_file(state, temporary, metadata={"key": key}),
        )
    session.forget()
    if failure is not None:
        discard(checkpoint)
        raise failure
    if continuation is not None:
        continuation.keep(history.state())


def _distillation(session: Session, supernet: Supernet, blocks: tuple[int, ...]) -> Distillation | Progressive:
    """Return what trains a supernet by the recipe's strategy; a progressive one trains all blocks."""
    teacher, data, seed = session.teacher, session.data, session.recipe.seed
    config, runtime = session.recipe.distill, session.runtime
    if config.is_progressive:
        return Progressive(
            teacher,
            supernet,
            data.train,
            data.rating,
            config=config,
            runtime=runtime,
            seed=seed,
            rate=rate_extensions,
        )
    return Distillation(teacher, supernet, data.train, config=config, runtime=runtime, seed=seed, blocks=blocks)


def _curve_name(block: int, cell: int) -> str:
    return f"block {block} cell {cell + 1}"


def is_trained(folder: RunFolder, block: int, key: str) -> bool:
    """Whether a block's file is whole and was trained by the distill stage of this key, alone or among the others."""
    if not folder.block_history(block).is_file() or not folder.supernet_block(block).is_file():
        return False
    try:
        with safe_open(folder.supernet_block(block), "pt") as file:
            return (file.metadata() or {}).get("key") == key
    except (SafetensorError, OSError):
        return False


def rate(session: Session, key: str) -> Result:
    """Rate every path of every block, then check on stitched networks whether the scores add up."""
    job = Rating(
        session.teacher,
        session.supernet,
        session.data.rating,
        training_images=session.data.train,
        config=session.recipe.rating,
        runtime=session.runtime,
        seed=session.recipe.seed,
    )
    with session.reporter.progress("rating", job.num_steps) as advance:
        drive(
            job,
            checkpoint=session.folder.checkpoint("rate"),
            key=key,
            device=session.runtime.device,
            log=lambda record: advance(record.step, f"{record.num_paths:,} paths a batch"),
            watch=session.watch,
        )
    names: list[str] = []
    for table in job.tables():
        table.save(session.folder.rating(table.block))
        names.append(f"ratings/block-{table.block}.parquet")
    facts = {"paths": sum(len(table) for table in job.tables()), "images": len(session.data.rating)}
    return Result(tuple(names), facts)


def count_costs(session: Session, key: str) -> Result:
    """Count what every path costs: parameters, multiply-adds, the paper's FLOPs, activation memory."""
    table = cost_table(session.space, image_size=session.image_size, num_classes=session.num_classes)
    table.save(session.folder.costs)
    return Result(("costs.parquet",), {"rows": len(table), **table.facts})


def stitch(session: Session, key: str) -> Result:
    """Evaluate random stitched networks and how far summed scores and plain size predict them."""
    if session.recipe.stitching.num_architectures and not session.teacher.depends_on(len(session.space.blocks)):
        write_json(session.folder.stitching, {"architectures": [], "agreement": {}, "unavailable": NO_STITCHING})
        return Result(("ratings/stitching.json",), {"reason": f"unavailable: {NO_STITCHING}"})
    job = Stitching(
        session.teacher,
        session.supernet,
        session.space,
        session.data.rating,
        config=session.recipe.stitching,
        runtime=session.runtime,
        seed=session.recipe.seed,
    )
    with session.reporter.progress("stitching", len(job.architectures)) as advance:
        drive(
            job,
            checkpoint=session.folder.checkpoint("stitch"),
            key=key,
            device=session.runtime.device,
            log=lambda record: advance(len(job.records)),
            watch=session.watch,
        )
    rows = [_stitched_row(session, record) for record in job.records]
    summary = stitching_summary(rows) if len(rows) >= 3 else {}
    write_json(session.folder.stitching, {"architectures": rows, "agreement": summary})
    return Result(("ratings/stitching.json",), {"architectures": len(rows)})


def _stitched_row(session: Session, record: StitchRecord) -> dict[str, Any]:
    architecture, previous = record.architecture, session.space.stem_width
    scores = dict.fromkeys(session.tables.ratings[0].scores, 0.0)
    for table, path in zip(session.tables.ratings, architecture.paths, strict=True):
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
        **session.tables.costs.of(architecture),
    }


def stitching_summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return how the summed scores, and each size alone, rank stitched networks; positive: better goes with it.

    ``score`` is the first kind of score; where there are several, ``kinds`` holds each of them.
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
