"""A page is written from the files of a folder, and the page of a run links to it."""

import re
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from helixnas.artifacts.files import write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.engine.history import save_history
from helixnas.errors import ArtifactError
from helixnas.transfer.config import TransferConfig
from helixnas.transfer.record import TransferFolder, TransferRecord
from helixnas.transfer.reporting import write_page


def test_a_page_shows_the_files_of_its_folder(tmp_path: Path) -> None:
    folder = TransferFolder(tmp_path)
    record = TransferRecord(
        key="",
        model="my <net>",
        weights="",
        trained=True,
        backbone={},
        data="halves (VOC, train)",
        evaluation="halves (VOC, val)",
        class_names=("a",),
        mean=(0.5,),
        std=(0.5,),
        settings={"task": "detection"},
        seed=0,
    )
    with pytest.raises(ArtifactError, match=r"metrics\.json"):
        write_page(folder, record)
    figures = {"map": 0.25, "map50": 0.5, "map75": None, "class_ap": {"a": 0.25}, "num_images": 3, "params": 1000}
    write_json(folder.figures_file, figures)
    save_history(pd.DataFrame({"step": [1, 2], "name": ["loss", "loss"], "value": [2.0, 1.0]}), folder.history)
    folder.pictures.mkdir()
    Image.new("RGB", (9, 3)).save(folder.pictures / "one.jpg")
    page = write_page(folder, record).read_text()
    assert "my &lt;net&gt;" in page
    assert all(
        text in page
        for text in ("25.00 %", "50.00 %", "halves (VOC, val)", "data:image/jpeg;base64,", "one", "background: rgb(")
    )


@pytest.mark.slow
def test_the_report_of_a_run_links_to_what_was_transferred(
    finished: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def train(opened: Any, data: Path, config: TransferConfig, *, out: Path, **others: Any) -> dict[str, Any]:
        out.mkdir(parents=True)
        (out / "report.html").touch()
        return {"miou": 0.5, "class_iou": {}, "num_images": 3, "params": 1000}

    monkeypatch.setattr("helixnas.transfer.training.transfer", train)
    run = shutil.copytree(finished.path, tmp_path / "run")
    assert main(["transfer", str(run), "--recipe", "camvid", "--data", str(tmp_path)]) == 0
    assert f"the report of the run links to it: {run}/report.html" in capsys.readouterr().out
    assert re.search(r'<a href="searches/\w+/transfer/camvid/report\.html">', (run / "report.html").read_text())
    elsewhere = ["--out", str(tmp_path / "elsewhere")]
    assert main(["transfer", str(run), "--recipe", "camvid", "--data", str(tmp_path), *elsewhere]) == 0
    assert "links to it" not in capsys.readouterr().out
