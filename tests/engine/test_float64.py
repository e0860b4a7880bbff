"""float64 goes to the CPU from devices that lack it, and nothing in the package asks such a device for it."""

import re
from pathlib import Path

import pytest
import torch

import helixnas
from helixnas.engine import float64_device, to_float64

ON_THE_CPU = {"supernet/importance.py", "engine/float64.py", "proxies/gradients.py"}
"""Files whose float64 is on the CPU, or on `float64_device`, though a line does not show it."""


@pytest.mark.parametrize(("device", "expected"), [("mps", "cpu"), ("cpu", "cpu"), ("cuda:1", "cuda:1")])
def test_only_apples_gpus_leave_float64_to_the_cpu(device: str, expected: str) -> None:
    assert float64_device(torch.device(device)) == torch.device(expected)


def test_gradients_flow_through() -> None:
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    wide = to_float64(values)
    wide.square().sum().backward()
    assert wide.dtype == torch.float64
    assert values.grad is not None
    assert values.grad.tolist() == [2.0, 4.0]


def test_every_float64_of_the_package_is_made_where_it_can_be() -> None:
    root = Path(helixnas.__file__).parent
    found = [
        f"{path.relative_to(root)}:{number}"
        for path in sorted(root.rglob("*.py"))
        if str(path.relative_to(root)) not in ON_THE_CPU
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if re.search(r"\.double\(\)|torch\.float64", line) and ".cpu()" not in line
    ]
    assert not found, f"use helixnas.engine.to_float64: {found}"
