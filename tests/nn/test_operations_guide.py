"""The operation of the guide is built, counted and searched as it is printed."""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from helixnas.cli import main
from helixnas.nn import BATCH_STATISTICS, Place, build_operation
from helixnas.nn.extensions import import_modules
from helixnas.space import load_space

GUIDE = Path(__file__).parents[2] / "docs/guide/operations.md"


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Write both files of the guide into the current folder; return a function that gives the block of a language."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "my_operation", raising=False)
    blocks = dict(re.findall(r"```(\w+)\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL))
    Path("my_operation.py").write_text(blocks["python"])
    Path("my_space.yaml").write_text(blocks["yaml"])
    return blocks.__getitem__


@pytest.mark.parametrize(("size", "stride", "out"), [(8, 1, 8), (7, 2, 4), (8, 2, 4)])
def test_the_layer_keeps_the_rules(written: Callable[[str], str], size: int, stride: int, out: int) -> None:
    import_modules(["my_operation.py"])
    space = load_space("my_space.yaml")
    operation = next(each for each in space.operations if each.name == "part_k5")
    for norm_layer in (torch.nn.BatchNorm2d, BATCH_STATISTICS):
        layer = build_operation(operation, Place(in_width=16, out_width=24, stride=stride, norm_layer=norm_layer))
        assert layer(torch.randn(2, 16, size, size)).shape == (2, 24, out, out)


def test_the_commands_run(written: Callable[[str], str], capsys: pytest.CaptureFixture[str]) -> None:
    first, second = (line.split()[2:] for line in written("console").splitlines())
    assert first == [*second, "--dry-run"]
    assert main(first) == 0
    said = capsys.readouterr().out
    assert f"{load_space('my_space.yaml').size:,}" in said
