"""Every runtime runs the network it is given, and one that cannot work here says so."""

import importlib.util
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from helixnas.costs import RUNTIMES, runtimes
from helixnas.costs.runtimes import prepare, require_runtime
from helixnas.errors import ConfigError

COMPILING = """
import pathlib, torch
from helixnas.costs.runtimes import prepare

images = torch.arange(4.0).reshape(1, 1, 2, 2)
with torch._dynamo.config.patch(recompile_limit=1, fail_on_recompile_limit_hit=True):
    for width in range(1, 4):
        layer = torch.nn.Conv2d(1, width, 1, bias=False)
        call = prepare("torch-compile", layer, images, num_threads=1, file=pathlib.Path("none"))
        assert torch.allclose(call(), layer(images))
"""

IMAGES = torch.arange(4.0).reshape(1, 1, 2, 2)


def network() -> nn.Module:
    layer = nn.Conv2d(1, 1, 1, bias=False)
    nn.init.constant_(layer.weight, 2.0)
    return layer.eval()


def test_eager_runs_the_network_without_a_graph(tmp_path: Path) -> None:
    output = prepare("pytorch-eager", network(), IMAGES, num_threads=1, file=tmp_path / "n.onnx")()
    assert isinstance(output, torch.Tensor)
    assert torch.equal(output, 2 * IMAGES)
    assert not output.requires_grad


@pytest.mark.slow
def test_onnx_runtime_runs_the_file_and_takes_one_that_is_there(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime")
    file = tmp_path / "n.onnx"
    (output,) = prepare("onnxruntime-cpu", network(), IMAGES, num_threads=1, file=file)()
    assert (output == 2 * IMAGES.numpy()).all()
    written = file.stat().st_mtime_ns
    (output,) = prepare("onnxruntime-cpu", nn.Identity(), IMAGES, num_threads=1, file=file)()
    assert (output == 2 * IMAGES.numpy()).all()
    assert file.stat().st_mtime_ns == written


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="no C++ compiler")
def test_every_network_that_is_compiled_is_the_first_of_its_own(fork: Callable[..., Any]) -> None:
    """In a process of its own: the compiler stumbles over the checks of annotations."""
    code, _, complaints = fork(COMPILING).wait()
    assert code == 0, complaints


@pytest.mark.gpu
@pytest.mark.parametrize("runtime", [name for name in RUNTIMES if name.endswith("-cuda")])
def test_a_gpu_runs_the_network(runtime: str, tmp_path: Path) -> None:
    prepare(runtime, network(), IMAGES, num_threads=0, file=tmp_path / "n")()


def test_a_compiler_that_fails_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*words: object, **options: object) -> object:
        raise RuntimeError("no working C++ compiler\nmore")

    monkeypatch.setattr(runtimes.torch, "compile", lambda function, **options: fail)
    with pytest.raises(
        ConfigError, match=r"torch.compile does not work here \(no working C\+\+ compiler\); measure with pytorch-eager"
    ):
        prepare("torch-compile", network(), IMAGES, num_threads=1, file=tmp_path / "n")


def test_a_gpu_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="with pytorch-eager-cuda: this machine has no CUDA device"):
        require_runtime("pytorch-eager-cuda")


def test_packages_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="measuring with onnxruntime-cpu needs onnx"):
        require_runtime("onnxruntime-cpu")
