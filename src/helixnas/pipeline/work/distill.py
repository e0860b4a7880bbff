"""Work of the distill stage: train the blocks of the supernet on the teacher's features (Eq. 5 and 6)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.files import remove
from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import Distillation, FeaturePool, StepRecord, build_distillation, build_self_supervised
from helixnas.distill.config import MIN_COVARIANCE_BATCH
from helixnas.engine.batches import full_batches
from helixnas.engine.distributed.parallel import DataParallel, current, ordered
from helixnas.engine.history import History, load_history, save_history
from helixnas.engine.job import run_job
from helixnas.engine.progress import Advance, Reporter
from helixnas.errors import CollapseError, ConfigError, NonFiniteLossError
from helixnas.lab.sequential import Progressive, load_beams, save_beams
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part, parts_of
from helixnas.pipeline.recipe import Recipe
from helixnas.pipeline.sharing import TRAINING, say_shared
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.distilled.cells import history_file, join_cells, save_cell, weights_file
from helixnas.pipeline.work.distilled.continuation import Continuation
from helixnas.pipeline.work.distilled.results import (
    curve_name,
    is_of,
    is_trained,
    learned_files,
    save_blocks,
    save_learned,
    save_moment,
    signs_of,
)
from helixnas.pipeline.work.retrain import check_teaching
from helixnas.pipeline.work.search import check_budgets, teacher_costs
from helixnas.supernet import Supernet
from helixnas.teacher import Teacher


def distill(context: Context, key: str, search: str = "", *, blocks: tuple[int, ...] = ()) -> Result:
    """Train all blocks of the supernet, or only `blocks`; blocks already trained with the same settings are reused."""
    folder, wanted = context.folder, blocks or tuple(range(1, len(context.space.blocks) + 1))
    progressive, joint = context.recipe.distill.is_progressive, context.recipe.distill.is_self_supervised
    chosen = tuple(number for number in wanted if not is_trained(folder, number, key))
    if joint and not all(is_of(path, key) for path in learned_files(context)):
        chosen = wanted  # blocks and teacher learn together
    if progressive and (chosen or load_beams(folder.beams, key) is None):
        chosen = wanted  # every block depends on those before it
    stage = "distill" if not blocks else "distill-" + "-".join(map(str, blocks))
    spread = context.spread
    if spread is not None and (reason := reason_not_to_divide(context.recipe)):
        context.reporter.say(f"{reason}, so this process trains them all")
        spread = None
    if chosen and spread is not None:
        parts = [part for part in parts_of(context.recipe, "distill", spread.size) if part.block in chosen]
        is_done = partial(is_distilled, folder, key)
        spread.run(parts, context.recipe, folder, context.reporter, is_done=is_done)
    elif chosen:
        _distill(context, key, chosen, folder.checkpoint(stage))
    curves = pd.concat([load_history(folder.block_history(number)) for number in wanted], ignore_index=True)
    names = [folder.supernet_block(number) for number in wanted] + [folder.block_history(number) for number in wanted]
    earlier = range(1, context.recipe.distill.num_moments)
    names += [folder.supernet_block(number, moment) for number in wanted for moment in earlier]
    names += [*learned_files(context), folder.learned_teacher / "teacher.json"] if joint else []
    if not blocks:
        save_history(curves, folder.history("distill"))
        names.append(folder.history("distill"))
    steps = int(curves["step"].to_numpy().max())
    facts: dict[str, Any] = {"steps": steps, "images": steps * context.recipe.distill.batch_size}
    if joint:
        names.append(folder.embeddings)
        facts |= signs_of(folder)
    kept = load_beams(folder.beams, key) if progressive else None
    if kept is not None:
        names.append(folder.beams)
        facts["best_kept"], facts["best_kept_score"] = kept[-1][0]
    files = tuple(str(name.relative_to(folder.path)) for name in names)
    threads = None if spread is None or not chosen else spread.num_threads(context.recipe)
    is_alone = threads is None and current() is None
    return Result(files, facts, is_timed=chosen == wanted and is_alone, num_threads=threads)


def reason_not_to_divide(recipe: Recipe) -> str:
    """Return why no block can be trained alone with the settings of a recipe; empty if each can."""
    if recipe.distill.is_progressive:
        return f"distill.strategy={recipe.distill.strategy} trains the blocks in order"
    if recipe.distill.is_self_supervised:
        return "distill.objective=self-supervised trains the blocks of the teacher with the student's"
    return ""


def distill_part(context: Context, key: str, part: Part) -> None:
    """Train a block, or a cell of it, as a job; the job that trains the last cell of a block writes the block's files.

    Raises `ConfigError` if no block can be trained alone with the settings of the run.
    """
    if reason := reason_not_to_divide(context.recipe):
        raise ConfigError(f"{reason}, so none can be trained alone; run: helixnas distill {context.folder.path}")
    if not is_distilled(context.folder, key, part):
        _distill(context, key, (part.block,), context.folder.checkpoint(part.name), part)
    cells = [one for one in parts_of(context.recipe, "distill", "cell") if one.block == part.block]
    if not is_trained(context.folder, part.block, key) and all(is_distilled(context.folder, key, one) for one in cells):
        join_cells(context.folder, cells, key, context.recipe.distill.num_moments)


def is_distilled(folder: RunFolder, key: str, part: Part) -> bool:
    """Whether a part of the distill stage with this key is trained: its block, or for a cell, the cell alone."""
    alone = part.cell > 0 and history_file(folder, part).is_file() and is_of(weights_file(folder, part), key)
    return alone or is_trained(folder, part.block, key)


@dataclass(frozen=True, kw_only=True)
class DistillOrder:
    """What the first of several processes asks the others to train with it."""

    recipe: Recipe
    folder: RunFolder
    blocks: tuple[int, ...]
    cell: int
    checkpoint: Path
    key: str

    def take_part(self) -> None:
        """Train as one of several processes; the first saves the results.

        Raises `JobError` if another process has ended, `Interrupted` if one was asked to stop.
        """
        context, parallel = Context(self.recipe, self.folder, Reporter()), current()
        teacher = context.load_learner() if self.recipe.distill.is_self_supervised else context.teacher
        job = distillation(context, teacher, context.new_supernet(teacher), self.blocks, self.cell, parallel)
        run_job(
            job,
            checkpoint=self.checkpoint,
            key=self.key,
            device=context.runtime.device,
            log=lambda record: None,
            parallel=parallel,
        )


def _distill(context: Context, key: str, blocks: tuple[int, ...], checkpoint: Path, part: Part | None = None) -> None:
    """Train blocks together and save each with its curves, or only the cell of a part.

    Raises `NonFiniteLossError` or `CollapseError` if the loss of a block is not finite or its embeddings collapse. The other
    blocks are trained and saved; where a teacher learns with them, training has stopped, and its checkpoint stays.
    """
    joint = context.recipe.distill.is_self_supervised
    teacher, history = context.load_learner() if joint else context.teacher, History()
    supernet = context.new_supernet(teacher)
    cell, parallel, own_key = part.cell if part is not None else 0, current(), f"{key} {blocks}"
    job = distillation(context, teacher, supernet, blocks, cell, parallel)
    moments = context.recipe.distill.moment_steps(job.num_steps)
    is_resumable = isinstance(job, Distillation) and not cell and not moments
    continuation = Continuation(context, job) if is_resumable and isinstance(job, Distillation) else None
    if continuation is not None:
        continuation.offer(checkpoint, own_key)
    say_shared(context.reporter, parallel, TRAINING)
    order = DistillOrder(
        recipe=context.recipe, folder=context.folder, blocks=blocks, cell=cell, checkpoint=checkpoint, key=own_key
    )

    def keep(step: int) -> None:
        for moment in (each for each, at in moments.items() if at == step):
            save_moment(context, job, supernet, blocks, part, key, moment)

    with context.reporter.progress("distilling", job.num_steps) as advance:
        failure: NonFiniteLossError | CollapseError | None = None
        try:
            with ordered(order, parallel):
                run_job(
                    job,
                    checkpoint=checkpoint,
                    key=own_key,
                    device=context.runtime.device,
                    log=_log(context, job, history, advance, keep),
                    history=history.state,
                    resume=history.restore,
                    watch=context.watch,
                    parallel=parallel,
                )
        except (NonFiniteLossError, CollapseError) as error:
            failure = error
    if isinstance(job, Progressive) and failure is None:
        save_beams(job.beams, context.folder.beams, key)
    trained = tuple(number for number in blocks if number not in job.failures)
    if part is None or not cell:
        save_blocks(context, job, supernet, trained, history, key)
    elif isinstance(job, Distillation) and trained:
        block = supernet.block(part.block)
        position = [*block.cells].index(job.units[0].module)
        save_cell(context.folder, part, block, position, history.frame(), key)
    if isinstance(job, Distillation) and joint and failure is None:
        save_learned(context, job, teacher, key)
    context.forget()
    if failure is not None:
        if isinstance(job, Distillation) and joint:
            signs = {f"collapse/{name}": value for name, value in job.signs.items()}
            context.reporter.scalars(signs, job.step)
        else:
            remove(checkpoint)
        raise failure
    if continuation is not None:
        continuation.keep(history.state())


def _log(
    context: Context,
    job: Distillation | Progressive,
    history: History,
    advance: Advance,
    keep: Callable[[int], None],
) -> Callable[[StepRecord], None]:
    """Return what is done with the record of a step: curves, progress, a word when a block stops, and moments that are kept."""
    title = "loss" if context.recipe.distill.is_self_supervised else "mean squared error"
    reported = set[int]()

    def log(record: StepRecord) -> None:
        if not record.losses:
            advance(record.step, "rating the paths of the block")
            return
        for number in job.failures.keys() - reported:
            reported.add(number)
            context.reporter.say(f"block {number} stops, the others continue: {job.failures[number]}")
        values = {curve_name(block, cell): loss for (block, cell), loss in record.losses.items()}
        history.add(record.step, values)
        context.reporter.scalars({f"distill/{name}": loss for name, loss in values.items()}, record.step)
        context.reporter.scalars({f"collapse/{name}": value for name, value in record.signs.items()}, record.step)
        keep(record.step)
        mean = np.mean(list(record.losses.values()))
        advance(record.step, f"epoch {record.epoch + 1}/{job.config.num_epochs}, {title} {mean:.4f}")

    return log


def distillation(
    context: Context,
    teacher: Teacher,
    supernet: Supernet,
    blocks: tuple[int, ...],
    cell: int,
    parallel: DataParallel | None,
) -> Distillation | Progressive:
    """Return the job that trains a supernet with the recipe's objective and strategy; some train all blocks.

    A `cell` (from 1) trains alone, 0 stands for all. Several processes may train together (`parallel`).
    """
    data, seed = context.data, context.recipe.seed
    config, runtime = context.recipe.distill, context.runtime
    how: dict[str, Any] = {"config": config, "runtime": runtime, "seed": seed, "parallel": parallel}
    if config.is_self_supervised:
        return build_self_supervised(teacher, supernet, data.train, **how)
    if config.is_progressive:
        return Progressive(teacher, supernet, data.train, data.rating, **how)
    pool = _filled_pool(context, teacher) if config.feature_cache else None
    index = cell - 1 if cell else None
    return build_distillation(teacher, supernet, data.train, blocks=blocks, cell=index, pool=pool, **how)


def _filled_pool(context: Context, teacher: Teacher) -> FeaturePool:
    """Return the pool of the teacher's features, filled by this process and others that work on the run."""
    record, config = context.folder.load_record(), context.recipe.distill
    origin = record.stages["teacher"].key if "teacher" in record.stages else ""
    pool = FeaturePool(
        context.folder.features,
        teacher,
        context.data.train,
        num_views=config.feature_cache,
        batch_size=config.batch_size,
        runtime=context.runtime,
        seed=context.recipe.seed,
        origin=origin,
    )
    context.reporter.say(f"feature cache: {pool}")
    with context.reporter.progress("teacher features", len(pool.segments)) as advance:
        pool.fill(advance)
    return pool


def check_images(context: Context) -> None:
    """Raise `ConfigError` before the first stage if there are fewer training images than a step of distillation needs."""
    config, images = context.recipe.distill, context.data.train
    if config.is_self_supervised and len(images) < MIN_COVARIANCE_BATCH:
        raise ConfigError(
            f"distill.objective=self-supervised needs at least {MIN_COVARIANCE_BATCH} training images, but there are only "
            f"{len(images)}; give more images or lower data.num_rating"
        )
    full_batches(images, config.batch_size, "distill.batch_size")


def check_searches(context: Context) -> None:
    """Check budgets and teacher before the long training.

    Raises:
        InfeasibleBudgetError: no architecture meets the budgets of a search.
        ConfigError: the teacher shall teach the whole network but predicts other classes.
    """
    record = context.folder.load_record()
    if "costs" in record.stages:
        costs = load_costs(context.folder, record)
        check_budgets(context.recipe.searches, context.space, costs, teacher_costs(record), context.folder)
        check_teaching(context)
