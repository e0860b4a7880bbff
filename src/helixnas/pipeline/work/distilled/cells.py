"""Cells trained alone: each is kept as a file until all cells of its block are there, which then are the block's file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from torch import Tensor

from helixnas.artifacts.files import remove
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.history import load_history, save_history
from helixnas.nn import load_saved_weights, save_weights
from helixnas.pipeline.part import Part
from helixnas.supernet import SupernetBlock


def weights_file(folder: RunFolder, part: Part, moment: int = 0) -> Path:
    """Return the weights of a cell that was trained alone, at the end or at an earlier moment, counted back from it."""
    return folder.jobs / f"{part.name}{f'-moment-{moment}' if moment else ''}.safetensors"


def history_file(folder: RunFolder, part: Part) -> Path:
    """Return the losses of a cell that was trained alone."""
    return folder.jobs / f"{part.name}.parquet"


def save_cell(
    folder: RunFolder, part: Part, block: SupernetBlock, position: int, curves: pd.DataFrame, key: str
) -> None:
    """Save what a job trained: the module at `position` (from 0) among those of a block; the weights come last."""
    save_history(curves, history_file(folder, part))
    save_cell_weights(folder, part, block, position, key)


def save_cell_weights(
    folder: RunFolder, part: Part, block: SupernetBlock, position: int, key: str, moment: int = 0
) -> None:
    """Save the weights of the module at `position` (from 0) among those of a block."""
    prefix = f"cells.{position}."
    weights = {name: tensor for name, tensor in block.state_dict().items() if name.startswith(prefix)}
    save_weights(weights_file(folder, part, moment), weights, key=key)


def join_cells(folder: RunFolder, parts: Sequence[Part], key: str, num_moments: int = 1) -> None:
    """Write the files of a block from those of all its cells, given in order, and remove these."""
    for moment in range(1, num_moments):
        save_weights(folder.supernet_block(parts[0].block, moment), _joined(folder, parts, moment), key=key)
    weights = _joined(folder, parts, 0)
    curves = pd.concat([load_history(history_file(folder, part)) for part in parts], ignore_index=True)
    save_history(curves, folder.block_history(parts[0].block))
    save_weights(folder.supernet_block(parts[0].block), weights, key=key)
    for part in parts:
        for moment in range(num_moments):
            remove(weights_file(folder, part, moment))
        remove(history_file(folder, part))


def _joined(folder: RunFolder, parts: Sequence[Part], moment: int) -> dict[str, Tensor]:
    files = [weights_file(folder, part, moment) for part in parts]
    return {name: tensor for file in files for name, tensor in load_saved_weights(file).items()}
