"""Processes that train together: what each takes of a batch, and what they agree on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from helixnas.engine import parallel
from helixnas.engine.parallel import DataParallel, current, is_started_together, join
from helixnas.errors import ConfigError

RANK = """
import os, sys
import torch, torch.distributed as dist
from helixnas.engine.parallel import current, leave, share
from helixnas.errors import JobError

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
place = current()
assert (place.rank, place.size) == (rank, 2)
assert share({"blocks": (1, 2)} if rank == 0 else None) == {"blocks": (1, 2)}
assert [place.agreed(rank == 1), place.agreed(False)] == [True, False]
assert place.average(torch.tensor([float(rank), 4.0])).tolist() == [0.5, 4.0]
touched, other = (torch.nn.Parameter(torch.zeros(2, 1)) for _ in range(2))
touched.grad = torch.full((2, 1), float(rank))
place.average_gradients([touched, other])
assert touched.grad.tolist() == [[0.5], [0.5]] and other.grad is None
if rank == 1:
    dist.barrier()
    os._exit(0)  # without a word
dist.barrier()
try:
    while True:
        place.agreed(False)
except JobError as error:
    assert "another process of this training has ended, so this one stops" in str(error)
    leave()
else:
    sys.exit(1)
"""


def test_a_process_alone_trains_with_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert current() is None
    assert not is_started_together()
    assert join() is None
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert is_started_together()


def test_the_parts_of_the_processes_are_the_batch() -> None:
    batch = torch.arange(12).reshape(6, 2)
    parts = [DataParallel(rank, 3).own_part(batch) for rank in range(3)]
    assert torch.equal(torch.cat(parts), batch)
    assert {len(part) for part in parts} == {2}


def test_a_batch_that_cannot_be_shared_equally_names_the_nearest_that_can() -> None:
    DataParallel(0, 4).check(64, "distill.batch_size")
    with pytest.raises(ConfigError, match="distill.batch_size=62 cannot be shared by 4 processes; 64 would do"):
        DataParallel(0, 4).check(62, "distill.batch_size")
    with pytest.raises(ConfigError, match="distill.batch_size=1 cannot be shared by 4 processes; 4 would do"):
        DataParallel(0, 4).check(1, "distill.batch_size")


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4, 5)])
@pytest.mark.parametrize("tracks", [False, True])
def test_batch_norm_with_shared_statistics_is_torch_s(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], tracks: bool
) -> None:
    monkeypatch.setattr(parallel.dist, "all_reduce", lambda *words, **how: None)  # a group of one
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    norms = [kind(3, track_running_stats=tracks).double() for _ in range(2)]
    x = [torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    found = list[torch.Tensor]()
    for norm, images in zip(norms, x, strict=True):
        images.requires_grad_()
        with DataParallel(0, 1).shared_statistics() if norm is norms[1] else torch.enable_grad():
            found.append(norm(images))
        (found[-1] * torch.arange(found[-1].numel()).reshape(shape)).sum().backward()
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(x[1].grad, x[0].grad)
    torch.testing.assert_close(dict(norms[1].named_buffers()), dict(norms[0].named_buffers()))
    torch.testing.assert_close(norms[1].weight.grad, norms[0].weight.grad)
    for norm in norms:
        norm.eval()
    with DataParallel(0, 1).shared_statistics():
        assert torch.equal(norms[1](x[0]), F.batch_norm(x[0], *_statistics(norms[1]), training=not tracks))


def _statistics(norm: nn.Module) -> tuple[torch.Tensor | None, ...]:
    return tuple(getattr(norm, name) for name in ("running_mean", "running_var", "weight", "bias"))


@pytest.mark.distributed
def test_two_processes_agree_and_one_that_is_left_alone_says_so(tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", RANK, str(rank), str(tmp_path)], env=environment) for rank in range(2)
    ]
    assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
