import json
import shlex
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch

from helixnas.artifacts.files import write_json
from helixnas.artifacts.run_folder import RunFolder
from helixnas.cli import main
from helixnas.data import DataConfig, ImageSet, open_images
from helixnas.errors import ConfigError, UnknownNameError
from helixnas.export import OnnxCall
from helixnas.models.exporting import Origin, default_path, export
from helixnas.models.opening import OpenedModel, open_model
from helixnas.nn.class_names import known_classes


@pytest.fixture(autouse=True)
def _quick_timing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("helixnas.engine.timing.NUM_WARM_UPS", 0)
    monkeypatch.setattr(
        "helixnas.models.exporting.median_seconds", lambda calls: {name: 1.0 for name in calls if not calls[name]()}
    )


@pytest.fixture
def run(finished: RunFolder, tmp_path: Path) -> RunFolder:
    shutil.copytree(finished.path, tmp_path / "run")
    return RunFolder(tmp_path / "run")


@pytest.fixture(scope="module")
def digits() -> ImageSet:
    return open_images(DataConfig(name="digits"), image_size=8)


SLOW_EXPORT = """
import sys, time
import helixnas.export.timm_folder as place
def slow(model, folder, **settings):
    open(folder + "/half", "w").close()
    print("writing", flush=True)
    time.sleep(60)
place.save_for_hf = slow
from helixnas.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_export_that_is_stopped_leaves_nothing_for_long(
    run: RunFolder, fork: Callable[..., Any], number: signal.Signals
) -> None:
    folder, words = run.search("small") / "export", ["export", str(run.path), "--format", "timm"]
    process = fork(SLOW_EXPORT, *words)
    assert process.stdout.readline() == "writing\n"
    assert len(list(folder.glob(".timm.*.tmp/half"))) == 1
    process.send_signal(number)
    code, _, said = process.wait(60)
    if number == signal.SIGTERM:
        assert (code, said) == (130, f"terminated; continue with: {shlex.join(['helixnas', *words])}\n")
        assert list(folder.iterdir()) == []
    else:
        assert len(list(folder.iterdir())) == 1
    assert main(words) == 0
    assert [each.name for each in folder.iterdir()] == ["timm"]


@pytest.mark.slow
def test_a_run_gets_its_exports_beside_the_model(run: RunFolder, digits: ImageSet) -> None:
    pytest.importorskip("onnx", reason="the extra export is not installed")
    opened = open_model(str(run.path))
    found = export(opened, digits, format="onnx")
    assert found.path == run.search("small") / "export" / "model.onnx"
    assert found.parity.largest_difference <= 1e-4
    assert found.parity.num_images == 64
    assert list(found.seconds) == ["PyTorch", "ONNX Runtime"]
    call = OnnxCall(found.path)
    assert call(torch.rand(3, 3, 8, 8)).shape == (3, 10)
    texts = call.session.get_modelmeta().custom_metadata_map
    assert texts["input_size"] == "3 8 8"
    assert texts["architecture"] == opened.model.architecture.text
    assert json.loads(texts["class_names"]) == list("0123456789")  # of the run's images
    assert list(export(opened, digits, format="pt2").seconds) == ["PyTorch", "pt2"]


def test_the_folder_for_timm_tells_the_run(run: RunFolder, digits: ImageSet) -> None:
    write_json(run.search("small") / "certificate.json", {"status": "optimal", "instance_hash": "abc"})
    opened = open_model(str(run.path))
    names = tuple("0123456789")
    found = export(opened, digits, format="timm", origin=Origin(data="digits"))
    assert found.parity.largest_difference == 0.0
    card = (found.path / "README.md").read_text()
    for line in ("| recipe | tiny |", "| budgets | params <= 100k |", "| trained on | digits |", "instance abc"):
        assert line in card
    assert "| top-1 |" in card
    assert (found.path / "certificate.json").is_file()
    again = timm.create_model(f"local-dir:{found.path}", pretrained=True)
    assert again.pretrained_cfg["label_names"] == list(names)
    assert again.pretrained_cfg["crop_pct"] == 1.0  # the digits are no larger than the network's images
    opened = open_model(str(found.path))
    assert opened.model(torch.rand(1, 3, 8, 8)).shape == (1, 10)
    assert known_classes(opened.model, ()) == names


def test_the_place_of_an_export_follows_from_the_model(finished: RunFolder) -> None:
    opened = open_model(str(finished.path))
    assert default_path(opened, "timm") == finished.search("small") / "export" / "timm"
    alone = OpenedModel(model=opened.model, name="hf-hub:me/mine", trained=True)
    assert default_path(alone, "onnx") == Path("hf-hub-me-mine.onnx")
    assert default_path(alone, "timm") == Path("hf-hub-me-mine-timm")


def test_an_unknown_format_and_a_tolerance_below_nothing_are_refused(finished: RunFolder, digits: ImageSet) -> None:
    opened = open_model(str(finished.path))
    with pytest.raises(UnknownNameError, match="unknown format 'onxx'; did you mean onnx"):
        export(opened, digits, format="onxx")
    with pytest.raises(
        ConfigError, match=r"a\.onnx ends as files of the format onnx do, not of pt2; choose another name"
    ):
        export(opened, digits, format="pt2", path=Path("a.onnx"))
    with pytest.raises(ConfigError, match="the tolerance must be a number of at least 0, not -1.0"):
        export(opened, digits, format="onnx", tolerance=-1.0)
