"""Cells trained alone: together their files are the block's."""

from pathlib import Path

import pandas as pd
from safetensors import safe_open
from safetensors.torch import load_file

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.history import load_history
from helixnas.nn import save_weights
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part
from helixnas.pipeline.work.distilled.cells import history_file, join_cells, save_cell, weights_file


def curves(cell: int) -> pd.DataFrame:
    return pd.DataFrame({"step": [1, 2], "name": [f"block 2 cell {cell}"] * 2, "value": [0.5, 0.25 * cell]})


def test_the_joined_cells_are_the_bytes_of_the_block_and_their_own_files_go(
    undistilled: Context, tmp_path: Path
) -> None:
    folder, block = undistilled.folder, undistilled.supernet.block(2)
    parts = [Part("distill", 2, number) for number in range(1, len(block.cells) + 1)]
    for position, part in reversed([*enumerate(parts)]):  # they may end in any order
        save_cell(folder, part, block, position, curves(part.cell), "key")
    assert all(weights_file(folder, part).is_file() and history_file(folder, part).is_file() for part in parts)
    alone = load_file(weights_file(folder, parts[0]))
    assert alone.keys() == {f"cells.0.{name}" for name in block.cells[0].state_dict()}
    join_cells(folder, parts, "key")
    whole = RunFolder(tmp_path / "whole").supernet_block(2)
    save_weights(whole, block.state_dict(), key="key")
    assert folder.supernet_block(2).read_bytes() == whole.read_bytes()
    with safe_open(folder.supernet_block(2), "pt") as file:
        assert file.metadata() == {"key": "key"}
    joined = pd.concat([curves(part.cell) for part in parts], ignore_index=True)
    pd.testing.assert_frame_equal(load_history(folder.block_history(2)), joined)
    assert not list(folder.jobs.iterdir())
