"""The folder of a transferred network says what it holds."""

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from helixnas.artifacts.files import write_json
from helixnas.errors import ArtifactError
from helixnas.transfer.record import TransferFolder, TransferRecord

RECORD = TransferRecord(
    key="abc",
    model="it",
    weights="hub",
    trained=True,
    backbone={"model": "resnet18"},
    data="halves (VOC, train)",
    evaluation="halves (VOC, val)",
    class_names=("dark", "bright"),
    mean=(0.5, 0.5, 0.5),
    std=(0.25, 0.25, 0.25),
    settings={"task": "segmentation"},
    seed=0,
)


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    folder = TransferFolder(tmp_path)
    folder.save(RECORD)
    assert folder.load() == RECORD


def test_a_record_of_before_there_were_imports_has_none(tmp_path: Path) -> None:
    folder = TransferFolder(tmp_path)
    write_json(folder.record_file, {name: value for name, value in asdict(RECORD).items() if name != "imports"})
    assert folder.load() == RECORD


def test_a_finished_folder_gives_its_figures(tmp_path: Path) -> None:
    folder = TransferFolder(tmp_path)
    assert folder.finished("abc") is None
    write_json(folder.figures_file, {"miou": 0.5})
    folder.save(RECORD)
    assert folder.finished("abc") == {"miou": 0.5}
    with pytest.raises(
        ArtifactError, match="holds a network transferred with other settings or images; choose another --out"
    ):
        folder.finished("other")


@pytest.mark.parametrize("name", ["config.json", "finetune.json", "record.json"])
def test_other_folders_are_left_alone(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ArtifactError, match="holds another model or run; choose another --out"):
        TransferFolder(tmp_path).finished("abc")


def test_missing_and_damaged_records_are_named(tmp_path: Path) -> None:
    folder = TransferFolder(tmp_path)
    with pytest.raises(ArtifactError, match=r"holds no finished transfer \(no transfer\.json\)"):
        folder.load()
    wrong: dict[str, Any] = {**vars(replace(RECORD)), "mean": 3}
    write_json(folder.record_file, wrong)
    with pytest.raises(ArtifactError, match=r"transfer\.json is truncated or damaged"):
        folder.load()
