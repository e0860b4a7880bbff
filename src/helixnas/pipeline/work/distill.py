"""Work of the distill stage: train the blocks of the supernet on the teacher's features (Eq. 5 and 6)."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from safetensors import SafetensorError, safe_open

from helixnas.artifacts.cost_table import load_costs
from helixnas.artifacts.files import remove
from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import Distillation, StepRecord, build_distillation
from helixnas.engine.history import History, load_history, save_history
from helixnas.engine.job import run_job
from helixnas.errors import NonFiniteLossError
from helixnas.lab.sequential import Progressive, load_beams, save_beams
from helixnas.nn import save_weights
from helixnas.pipeline.context import Context
from helixnas.pipeline.stage import Result
from helixnas.pipeline.work.continuation import Continuation
from helixnas.pipeline.work.retrain import check_teaching
from helixnas.pipeline.work.search import check_budgets, teacher_costs
from helixnas.supernet import Supernet


def distill(context: Context, key: str, search: str = "", *, blocks: tuple[int, ...] = ()) -> Result:
    """Train all blocks of the supernet, or only `blocks`; blocks already trained with the same settings are reused."""
    folder, wanted = context.folder, blocks or tuple(range(1, len(context.space.blocks) + 1))
    progressive = context.recipe.distill.is_progressive
    chosen = tuple(number for number in wanted if not is_trained(folder, number, key))
    if progressive and (chosen or load_beams(folder.beams, key) is None):
        chosen = wanted  # every block depends on those before it
    stage = "distill" if not blocks else "distill-" + "-".join(map(str, blocks))
    if chosen:
        _distill(context, key, chosen, folder.checkpoint(stage))
    curves = pd.concat([load_history(folder.block_history(number)) for number in wanted], ignore_index=True)
    names = [folder.supernet_block(number) for number in wanted] + [folder.block_history(number) for number in wanted]
    if not blocks:
        save_history(curves, folder.history("distill"))
        names.append(folder.history("distill"))
    steps = int(curves["step"].to_numpy().max())
    facts: dict[str, Any] = {"steps": steps, "images": steps * context.recipe.distill.batch_size}
    kept = load_beams(folder.beams, key) if progressive else None
    if kept is not None:
        names.append(folder.beams)
        facts["best_kept"], facts["best_kept_score"] = kept[-1][0]
    files = tuple(str(name.relative_to(folder.path)) for name in names)
    return Result(files, facts, is_timed=chosen == wanted)


def _distill(context: Context, key: str, blocks: tuple[int, ...], checkpoint: Path) -> None:
    """Train blocks together and save each with its curves.

    Raises `NonFiniteLossError` if the loss of a block is not finite; the other blocks are trained and saved.
    """
    supernet, history = context.new_supernet(), History()
    job = _distillation(context, supernet, blocks)
    continuation = Continuation(context, job) if isinstance(job, Distillation) else None
    if continuation is not None:
        continuation.offer(checkpoint, f"{key} {blocks}")
    with context.reporter.progress("distilling", job.num_steps) as advance:
        reported = set[int]()

        def log(record: StepRecord) -> None:
            if not record.losses:
                advance(record.step, "rating the paths of the block")
                return
            for number in job.failures.keys() - reported:
                reported.add(number)
                context.reporter.say(f"block {number} stops, the others continue: {job.failures[number]}")
            values = {_curve_name(block, cell): loss for (block, cell), loss in record.losses.items()}
            history.add(record.step, values)
            context.reporter.scalars({f"distill/{name}": loss for name, loss in values.items()}, record.step)
            mean = np.mean(list(record.losses.values()))
            advance(record.step, f"epoch {record.epoch + 1}/{job.config.num_epochs}, mean squared error {mean:.4f}")

        failure: NonFiniteLossError | None = None
        try:
            run_job(
                job,
                checkpoint=checkpoint,
                key=f"{key} {blocks}",
                device=context.runtime.device,
                log=log,
                history=history.state,
                resume=history.restore,
                watch=context.watch,
            )
        except NonFiniteLossError as error:
            failure = error
    if isinstance(job, Progressive) and failure is None:
        save_beams(job.beams, context.folder.beams, key)
    curves = history.frame()
    for number in (number for number in blocks if number not in job.failures):
        own = [_curve_name(number, cell) for cell, _ in enumerate(supernet.block(number))]
        of_block = curves.loc[curves["name"].isin(own), :]
        save_history(of_block, context.folder.block_history(number))
        save_weights(context.folder.supernet_block(number), supernet.block(number).state_dict(), key=key)
    context.forget()
    if failure is not None:
        remove(checkpoint)
        raise failure
    if continuation is not None:
        continuation.keep(history.state())


def _distillation(context: Context, supernet: Supernet, blocks: tuple[int, ...]) -> Distillation | Progressive:
    """Return the job that trains a supernet with the recipe's strategy; a progressive one trains all blocks."""
    teacher, data, seed = context.teacher, context.data, context.recipe.seed
    config, runtime = context.recipe.distill, context.runtime
    if config.is_progressive:
        return Progressive(teacher, supernet, data.train, data.rating, config=config, runtime=runtime, seed=seed)
    return build_distillation(teacher, supernet, data.train, config=config, runtime=runtime, seed=seed, blocks=blocks)


def _curve_name(block: int, cell: int) -> str:
    return f"block {block} cell {cell + 1}"


def is_trained(folder: RunFolder, block: int, key: str) -> bool:
    """Whether a block's files are complete and of the distill stage with this key."""
    if not folder.block_history(block).is_file() or not folder.supernet_block(block).is_file():
        return False
    try:
        with safe_open(folder.supernet_block(block), "pt") as file:
            return (file.metadata() or {}).get("key") == key
    except (SafetensorError, OSError):
        return False


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
