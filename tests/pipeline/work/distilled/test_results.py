"""What a distillation leaves: files of the right key count, others do not; moments of blocks and of single cells."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from safetensors.torch import load_file

from helixnas.artifacts.run_folder import RunFolder
from helixnas.engine.history import History
from helixnas.nn import save_weights
from helixnas.pipeline.context import Context
from helixnas.pipeline.part import Part
from helixnas.pipeline.work.distilled.results import (
    curve_name,
    is_of,
    is_trained,
    learned_files,
    save_blocks,
    save_moment,
    signs_of,
)


@pytest.fixture
def job(undistilled: Context) -> Any:
    """A distillation of all cells that has ended."""
    from helixnas.distill import build_distillation

    context = undistilled
    config = context.recipe.distill.__class__(num_epochs=1, batch_size=4)
    return build_distillation(
        context.teacher, context.supernet, context.data.train, config=config, runtime=context.runtime, seed=0
    )


def test_a_block_is_trained_when_its_weights_and_curves_are_there_with_the_key(undistilled: Context, job: Any) -> None:
    folder, history = undistilled.folder, History()
    history.add(1, {curve_name(1, cell): 0.5 for cell in range(2)} | {curve_name(2, 0): 0.25})
    assert not is_trained(folder, 1, "key")
    save_blocks(undistilled, job, undistilled.supernet, (1,), history, "key")
    assert is_trained(folder, 1, "key")
    assert not is_trained(folder, 1, "another key")
    assert not is_trained(folder, 2, "key")
    folder.block_history(1).unlink()
    assert not is_trained(folder, 1, "key")


def test_a_damaged_file_of_weights_is_none(undistilled: Context) -> None:
    file = undistilled.folder.supernet_block(1)
    save_weights(file, undistilled.supernet.block(1).state_dict(), key="key")
    assert is_of(file, "key")
    file.write_bytes(file.read_bytes()[:40])
    assert not is_of(file, "key")


def test_a_moment_is_kept_apart_of_blocks_and_of_a_cell_alone(undistilled: Context, job: Any) -> None:
    folder, supernet = undistilled.folder, undistilled.supernet
    save_moment(undistilled, job, supernet, (1, 2), None, "key", 2)
    weights = load_file(folder.supernet_block(2, 2))
    assert weights.keys() == supernet.block(2).state_dict().keys()
    assert not folder.supernet_block(2).exists()
    alone: Any = SimpleNamespace(units=[SimpleNamespace(module=[*supernet.block(1).cells][1])])
    job.units = alone.units
    save_moment(undistilled, job, supernet, (1,), Part("distill", 1, 2), "key", 1)
    cell = load_file(folder.jobs / "distill-1-cell-2-moment-1.safetensors")
    assert cell
    assert all(name.startswith("cells.1.") for name in cell)


def test_signs_of_collapse_name_the_least_of_all_blocks_and_sides(undistilled: Context) -> None:
    signs = {"block 1 teacher spread": 0.5, "block 2 student spread": 0.25, "block 1 teacher effective rank": 7.0}
    folder: RunFolder = undistilled.folder
    folder.embeddings.parent.mkdir(parents=True)
    folder.embeddings.write_text(json.dumps(signs))
    assert signs_of(folder) == {"least_spread": 0.25, "least_effective_rank": 7.0, "embeddings": signs}


def test_the_teacher_comes_before_the_heads(undistilled: Context) -> None:
    names = [file.name for file in learned_files(undistilled)]
    assert names == ["model.safetensors", "heads-1.safetensors", "heads-2.safetensors"]
