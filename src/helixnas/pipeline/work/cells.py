"""Cells trained alone: each is kept as a file until all cells of its block are there, which then are the block's file."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from helixnas.artifacts.files import remove
from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.history import load_history, save_history
from helixnas.nn import load_saved_weights, save_weights
from helixnas.pipeline.part import Part
from helixnas.supernet import SupernetBlock


def weights_file(folder: RunFolder, part: Part) -> Path:
    """Return the weights of a cell that was trained alone."""
    return folder.jobs / f"{part.name}.safetensors"


def history_file(folder: RunFolder, part: Part) -> Path:
    """Return the losses of a cell that was trained alone."""
    return folder.jobs / f"{part.name}.parquet"


def save_cell(
    folder: RunFolder, part: Part, block: SupernetBlock, position: int, curves: pd.DataFrame, key: str
) -> None:
    """Save what a job trained: the module at `position` (from 0) among those of a block; the weights come last."""
    prefix = f"cells.{position}."
    weights = {name: tensor for name, tensor in block.state_dict().items() if name.startswith(prefix)}
    save_history(curves, history_file(folder, part))
    save_weights(weights_file(folder, part), weights, key=key)


def join_cells(folder: RunFolder, parts: Sequence[Part], key: str) -> None:
    """Write the files of a block from those of all its cells, given in order, and remove these."""
    weights = {
        name: tensor for part in parts for name, tensor in load_saved_weights(weights_file(folder, part)).items()
    }
    curves = pd.concat([load_history(history_file(folder, part)) for part in parts], ignore_index=True)
    save_history(curves, folder.block_history(parts[0].block))
    save_weights(folder.supernet_block(parts[0].block), weights, key=key)
    for part in parts:
        remove(weights_file(folder, part))
        remove(history_file(folder, part))
