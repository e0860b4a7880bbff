"""What a distillation leaves in the run folder: weights and curves of blocks, moments, and a teacher that learned."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from helixnas.artifacts.files import read_json, write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.distill import Distillation
from helixnas.engine.history import History, save_history
from helixnas.lab.sequential import Progressive
from helixnas.nn import save_weights
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part
from helixnas.pipeline.work.distilled.cells import save_cell_weights
from helixnas.supernet import Supernet
from helixnas.teacher import Teacher, save_teacher


def save_blocks(
    context: Context,
    job: Distillation | Progressive,
    supernet: Supernet,
    blocks: tuple[int, ...],
    history: History,
    key: str,
) -> None:
    """Save trained blocks, each with its own curves."""
    curves, joint = history.frame(), context.recipe.distill.is_self_supervised
    if joint and job.failures:
        return
    for number in blocks:
        own = [curve_name(number, unit) for unit in range(1 if joint else len(list(supernet.block(number))))]
        save_history(curves.loc[curves["name"].isin(own), :], context.folder.block_history(number))
        save_weights(context.folder.supernet_block(number), supernet.block(number).state_dict(), key=key)


def save_moment(
    context: Context,
    job: Distillation | Progressive,
    supernet: Supernet,
    blocks: tuple[int, ...],
    part: Part | None,
    key: str,
    moment: int,
) -> None:
    """Save blocks, or the cell of a part, as they are now, to be rated later."""
    if part is None or not part.cell:
        for number in blocks:
            weights = supernet.block(number).state_dict()
            save_weights(context.folder.supernet_block(number, moment), weights, key=key)
    elif isinstance(job, Distillation):
        block = supernet.block(part.block)
        position = [*block.cells].index(job.units[0].module)
        save_cell_weights(context.folder, part, block, position, key, moment)


def save_learned(context: Context, job: Distillation, teacher: Teacher, key: str) -> None:
    """Save the teacher and the projection heads that learned with the supernet (DNA++), and the last signs of collapse."""
    write_json(context.folder.embeddings, job.signs)
    save_teacher(teacher, context.folder.learned_teacher, context.recipe.built_teacher, key=key)
    for unit in job.units:
        heads = unit.module.get_submodule("heads")
        save_weights(context.folder.supernet_heads(unit.block), heads.state_dict(), key=key)


def signs_of(folder: RunFolder) -> dict[str, Any]:
    """Return the last signs of collapse as facts: all of them, and the least spread and effective rank of any side."""
    signs = {str(name): float(value) for name, value in read_json(folder.embeddings).items()}
    least = {
        f"least_{kind.replace(' ', '_')}": min(value for name, value in signs.items() if name.endswith(kind))
        for kind in ("spread", "effective rank")
    }
    return {**least, "embeddings": signs}


def sign_lines(signs: Mapping[str, float]) -> list[str]:
    """Return a line per block and side with its signs of collapse.

    >>> sign_lines(
    ...     {"block 1 teacher spread": 0.5, "block 1 teacher effective rank": 7.25, "block 1 student spread": 1.0}
    ... )
    ['block 1 teacher: spread 0.5, effective rank 7.25', 'block 1 student: spread 1']
    """
    found: dict[str, list[str]] = {}
    for name, value in signs.items():
        words = name.split()
        found.setdefault(" ".join(words[:3]), []).append(f"{' '.join(words[3:])} {value:.3g}")
    return [f"{place}: {', '.join(each)}" for place, each in found.items()]


def learned_files(context: Context) -> list[Path]:
    """Return the files of weights that learned with the supernet, in the order in which they are written."""
    heads = [context.folder.supernet_heads(number) for number in range(1, len(context.space.blocks) + 1)]
    return [context.folder.learned_teacher / "model.safetensors", *heads]


def curve_name(block: int, cell: int) -> str:
    """Return the name of the losses of a cell, numbered from 0, of a block."""
    return f"block {block} cell {cell + 1}"


def is_trained(folder: RunFolder, block: int, key: str) -> bool:
    """Whether a block's files are complete and of the distill stage with this key."""
    return folder.block_history(block).is_file() and is_of(folder.supernet_block(block), key)


def is_of(path: Path, key: str) -> bool:
    """Whether a file of weights exists and is of the stage with this key."""
    if not path.is_file():
        return False
    try:
        with safe_open(path, "pt") as file:
            return (file.metadata() or {}).get("key") == key
    except (SafetensorError, OSError):
        return False
