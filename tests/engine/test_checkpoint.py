from pathlib import Path

import pytest
import torch

from helixnas.engine import load_checkpoint, save_checkpoint
from helixnas.errors import ArtifactError

CPU = torch.device("cpu")
STATE = {"step": 3, "rates": [0.5, 0.25], "model": {"weight": torch.arange(6.0).reshape(2, 3)}, "name": "teacher"}


def test_state_comes_back_as_it_was(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "state.pt", STATE)
    found = load_checkpoint(tmp_path / "state.pt", CPU)
    assert torch.equal(found["model"].pop("weight"), STATE["model"]["weight"])  # type: ignore[index]
    assert found == {**STATE, "model": {}}


def test_folder_is_made_and_holds_nothing_else(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "deep" / "er" / "state.pt", STATE)
    assert [path.name for path in (tmp_path / "deep" / "er").iterdir()] == ["state.pt"]


def test_failed_write_leaves_the_old_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path / "state.pt", STATE)
    before = (tmp_path / "state.pt").read_bytes()

    def fill_the_disk(state: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("[enforce fail at inline_container.cc:595] . unexpected pos 64 vs 0")

    monkeypatch.setattr(torch, "save", fill_the_disk)
    with pytest.raises(ArtifactError, match=r"cannot write .*state.pt: the disk is full"):
        save_checkpoint(tmp_path / "state.pt", {"step": 4})
    assert (tmp_path / "state.pt").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.pt"]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_truncated_checkpoint_is_said_to_be_damaged(tmp_path: Path, share: float) -> None:
    path = tmp_path / "state.pt"
    save_checkpoint(path, {"model": torch.rand(1000)})
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ArtifactError, match=r"state.pt is truncated or damaged .*; delete it to repeat its stage"):
        load_checkpoint(path, CPU)


def test_anything_but_tensors_and_plain_values_is_refused(tmp_path: Path) -> None:
    torch.save({"model": torch.nn.Linear(2, 2)}, tmp_path / "state.pt")
    with pytest.raises(ArtifactError, match="is truncated or damaged"):
        load_checkpoint(tmp_path / "state.pt", CPU)


def test_checkpoint_that_is_not_there_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"state.pt"):
        load_checkpoint(tmp_path / "state.pt", CPU)
