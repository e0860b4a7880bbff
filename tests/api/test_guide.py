"""The guide's examples run as they are printed; only the teacher and the training time are smaller."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import helixnas
from helixnas.api import Found

GUIDE = Path(__file__).parents[2] / "docs/guide/python.md"


@pytest.mark.slow
def test_every_example_of_the_guide_runs(
    photos: Path, quick_search: Callable[..., Found], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime")
    monkeypatch.setattr(helixnas, "search_architecture", quick_search, raising=False)
    blocks = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        if ">>> " not in block:  # the others are doctests
            exec(compile(block.replace('"resnet18"', '"test_resnet"'), str(GUIDE), "exec"), names)
    assert (
        names["lighter"].costs["macs"] <= names["lighter"].record.upper["macs"] < names["result"].record.upper["macs"]
    )
    assert names["model"].num_classes == 5
    assert names["found"].costs["macs"] <= names["found"].record.upper["macs"]
    assert names["best"].costs["macs"] <= 2_000_000
    assert len(names["losses"]) > 10
    assert names["num_paths"] > 0
    assert 0 < names["final_loss"] < 5
    assert names["network"].architecture.text == names["best"].text
    assert Path("lighter.onnx").is_file()
    assert "<html" in Path("steps.html").read_text(encoding="utf-8")[:500]
