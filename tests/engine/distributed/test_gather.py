import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from helixnas.engine.distributed.gather import gather_batch

RANK = """
import sys
import torch, torch.distributed as dist
from helixnas.engine.distributed.gather import gather_batch

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
whole = torch.arange(12.0).reshape(6, 2)
part = whole[3 * rank : 3 * rank + 3].clone().requires_grad_()
gathered = gather_batch(part)
weights = torch.arange(12.0).reshape(6, 2) + rank
(gathered * weights).sum().backward()
torch.save({"gathered": gathered.detach(), "gradient": part.grad}, f"{folder}/{rank}.pt")
dist.destroy_process_group()
"""


def run_ranks(code: str, folder: Path) -> list[dict[str, torch.Tensor]]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", code, str(rank), str(folder)], env=environment) for rank in range(2)
    ]
    assert [rank.wait(timeout=120) for rank in ranks] == [0, 0]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_a_single_process_gets_its_own_part() -> None:
    part = torch.randn(3, 2)
    assert gather_batch(part) is part


@pytest.mark.distributed
def test_every_process_gets_all_parts_and_the_sum_of_the_gradients_of_its_own(tmp_path: Path) -> None:
    results = run_ranks(RANK, tmp_path)
    weights = torch.arange(12.0).reshape(6, 2)
    for rank, result in enumerate(results):
        assert torch.equal(result["gathered"], torch.arange(12.0).reshape(6, 2))
        own = slice(3 * rank, 3 * rank + 3)
        assert torch.equal(result["gradient"], weights[own] + (weights + 1)[own])
