"""A network's digest changes with what it computes, and with nothing else."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from helixnas.api.module_digest import digest_of_module

NET = """
from dataclasses import dataclass
import torch
from torch import Tensor, nn
import torch.nn.functional as F

FACTOR = 2.0
KINDS = frozenset({"a", "b", "c", "d"})

@dataclass
class Options:
    power: int = 1

def bend(x):
    return [F.relu(each) for each in [x]][0]

class Net(nn.Module):
    scale = 1.0
    def __init__(self, shift=0.0, dropped=("x", "y")):
        super().__init__()
        self.body = nn.Linear(4, 4)
        self.shift, self.options = shift, Options()
        self.finish = lambda x: x + 1
    @torch.no_grad()
    def forward(self, x):
        assert isinstance(x, Tensor)
        if "e" in {"e", "f", "g"} and "a" in KINDS:
            x = self.body(x)
        return self.finish(bend(x) * FACTOR + self.shift) * self.scale ** self.options.power
"""


def net(source: str = NET, **arguments: Any) -> nn.Module:
    """Return the network of a source, as a cell of a notebook makes it."""
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile(source, "cell", "exec"), names)
    return names["Net"](**arguments)


def test_weights_and_names_of_files_do_not_count() -> None:
    torch.manual_seed(0)
    first = net()
    assert digest_of_module(first) == digest_of_module(net()) == digest_of_module(net("\n\n" + NET))
    with torch.no_grad():
        first.body.weight.zero_()
    assert digest_of_module(first) == digest_of_module(net())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("bend(x) * FACTOR", "bend(x) / FACTOR"),  # forward
        ("F.relu(each)", "F.gelu(each)"),  # a function that it calls
        ("FACTOR = 2.0", "FACTOR = 3.0"),  # a constant that it uses
        ("scale = 1.0", "scale = 4.0"),  # an attribute of the class
        ("power: int = 1", "power: int = 2"),  # a value inside an attribute
        ("lambda x: x + 1", "lambda x: x - 1"),  # a function in an attribute
        ("shift=0.0", "shift=0.5"),  # an attribute
        ('"c", "d"', '"c"'),  # a constant in a set
        ("nn.Linear(4, 4)", "nn.Linear(4, 4, bias=False)"),  # a layer
    ],
)
def test_every_change_of_what_it_computes_counts(before: str, after: str) -> None:
    assert before in NET
    assert digest_of_module(net(NET.replace(before, after))) != digest_of_module(net())


def test_constants_that_are_not_saved_count() -> None:
    def masked(value: float) -> nn.Module:
        module = nn.Identity()
        module.register_buffer("mask", torch.full((2,), value), persistent=False)
        return module

    assert digest_of_module(masked(1)) == digest_of_module(masked(1)) != digest_of_module(masked(2))


def test_objects_that_hold_themselves_are_described_once() -> None:
    module = nn.Identity()
    module.own = [1]  # pyright: ignore[reportAttributeAccessIssue]
    module.own.append(module.own)  # pyright: ignore[reportAttributeAccessIssue, reportCallIssue]
    assert len(digest_of_module(module)) == 8


@pytest.mark.parametrize("make", ["timm.create_model('test_vit')", "timm.create_model('test_efficientnet')"])
def test_networks_of_timm_have_a_digest(make: str) -> None:
    import timm

    create: Callable[[], nn.Module] = eval(f"lambda: {make}", {"timm": timm})
    assert digest_of_module(create()) == digest_of_module(create())


@pytest.mark.slow
def test_another_process_finds_the_same_digest(tmp_path: Path) -> None:
    (tmp_path / "cell.py").write_text(NET + "\nfrom helixnas.api.module_digest import digest_of_module\n")
    code = "from cell import *; print(digest_of_module(Net()))"
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            check=True,
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": f"{Path(__file__).parents[2] / 'src'}:{tmp_path}"},
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
