"""Layouts are recognised by their folders."""

from pathlib import Path

import pytest

from helixnas.errors import DataError
from helixnas.transfer.scenes.reading import open_scenes


def test_a_layout_is_recognised(masks: Path, objects: Path) -> None:
    assert open_scenes(masks, task="segmentation", split="train").title == "halves (VOC, train)"
    assert open_scenes(objects, task="detection", split="val").title == "squares (VOC, val)"


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*gone"):
        open_scenes(tmp_path / "gone", task="detection", split="train")
    with pytest.raises(DataError, match="has none of the known layouts: VOC .* COCO .* or ADE20K"):
        open_scenes(tmp_path, task="detection", split="train")
