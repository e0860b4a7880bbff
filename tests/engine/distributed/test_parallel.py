"""Processes that train together: what each takes of a batch, and what they agree on."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from timm.layers import DropPath
from torch import nn

from helixnas.engine.distributed import parallel
from helixnas.engine.distributed.parallel import DataParallel, current, join, leave, ordered
from helixnas.errors import CollapseError, ConfigError, OutOfMemoryError

RANK = """
import os, sys
import torch, torch.distributed as dist
from helixnas.engine.distributed.parallel import current, leave, share
from helixnas.errors import JobError

rank, folder = int(sys.argv[1]), sys.argv[2]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
place = current()
assert (place.rank, place.size) == (rank, 2)
assert share({"blocks": (1, 2)} if rank == 0 else None) == {"blocks": (1, 2)}
assert [place.agreed(rank == 1), place.agreed(False)] == [True, False]
assert place.average(torch.tensor([float(rank), 4.0])).tolist() == [0.5, 4.0]
assert [one.tolist() for one in place.gather(torch.tensor([rank, 7])[::1])] == [[0, 7], [1, 7]]
norm = torch.nn.BatchNorm2d(3).requires_grad_(False)
torch.nn.init.constant_(norm.weight, rank + 1)
norm.running_mean += rank + 1
place.send(norm)
assert norm.weight.tolist() == norm.running_mean.tolist() == [1.0] * 3
touched, other = (torch.nn.Parameter(torch.zeros(2, 1)) for _ in range(2))
touched.grad = torch.full((2, 1), float(rank))
place.average_gradients([torch.optim.SGD([touched]), torch.optim.SGD([other])])
assert touched.grad.tolist() == [[0.5], [0.5]] and other.grad is None
if rank == 1:
    dist.barrier()
    os._exit(0)  # without a word
dist.barrier()
try:
    while True:
        place.agreed(False)
except JobError as error:
    assert "another process of this run has ended, so this one stops" in str(error)
    leave()
else:
    sys.exit(1)
"""


def test_a_process_alone_trains_with_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert current() is None
    assert join() is None


def test_a_batch_that_cannot_be_shared_equally_names_the_nearest_that_can() -> None:
    DataParallel(0, 4).check(64, "distill.batch_size")
    with pytest.raises(ConfigError, match="distill.batch_size=62 cannot be shared by 4 processes; 64 would do"):
        DataParallel(0, 4).check(62, "distill.batch_size")
    with pytest.raises(ConfigError, match="distill.batch_size=1 cannot be shared by 4 processes; 4 would do"):
        DataParallel(0, 4).check(1, "distill.batch_size")


@pytest.mark.parametrize("shape", [(6, 3), (6, 3, 4, 5)])
@pytest.mark.parametrize("tracks", [False, True])
def test_batch_norm_over_all_processes_is_torch_s(
    monkeypatch: pytest.MonkeyPatch, shape: tuple[int, ...], tracks: bool
) -> None:
    monkeypatch.setattr(parallel.dist, "all_reduce", lambda *words, **how: None)  # a group of one
    monkeypatch.setattr(parallel.dist, "all_gather", lambda found, part: found[0].copy_(part))
    kind = nn.BatchNorm1d if len(shape) == 2 else nn.BatchNorm2d
    norms = [kind(3, track_running_stats=tracks).double() for _ in range(2)]
    x = [torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) for _ in range(2)]
    found = list[torch.Tensor]()
    for norm, images in zip(norms, x, strict=True):
        images.requires_grad_()
        with DataParallel(0, 1).as_one_batch() if norm is norms[1] else torch.enable_grad():
            found.append(norm(images))
        (found[-1] * torch.arange(found[-1].numel()).reshape(shape)).sum().backward()
    torch.testing.assert_close(found[1], found[0])
    torch.testing.assert_close(x[1].grad, x[0].grad)
    torch.testing.assert_close(dict(norms[1].named_buffers()), dict(norms[0].named_buffers()))
    torch.testing.assert_close(norms[1].weight.grad, norms[0].weight.grad)
    for norm in norms:
        norm.eval()
    with DataParallel(0, 1).as_one_batch():
        assert torch.equal(norms[1](x[0]), F.batch_norm(x[0], *_statistics(norms[1]), training=not tracks))


def _statistics(norm: nn.Module) -> tuple[torch.Tensor | None, ...]:
    return tuple(getattr(norm, name) for name in ("running_mean", "running_var", "weight", "bias"))


@pytest.mark.parametrize("layer", [nn.Dropout(0.4), DropPath(0.3), nn.Dropout(0.0), nn.Dropout(1.0)])
@pytest.mark.parametrize("shape", [(12, 3), (12, 3, 5, 4)])
def test_processes_drop_the_parts_of_what_one_drops(layer: nn.Module, shape: tuple[int, ...]) -> None:
    x = torch.rand(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    x = x if len(shape) == 2 else x.contiguous(memory_format=torch.channels_last)
    torch.manual_seed(1)
    whole, parts = layer(x), list[torch.Tensor]()
    for rank in range(3):
        torch.manual_seed(1)
        with DataParallel(rank, 3).as_one_batch():
            parts.append(layer(x[4 * rank : 4 * rank + 4]))
    assert torch.equal(torch.cat(parts), whole)
    layer.eval()
    with DataParallel(0, 3).as_one_batch():
        assert torch.equal(layer(x), x)
    layer.train()


@pytest.mark.parametrize("error", [None, CollapseError("all"), OutOfMemoryError("one")])
def test_an_error_that_not_all_processes_meet_parts_this_one_from_them(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    did = list[object]()
    monkeypatch.setattr(parallel, "share", did.append)
    monkeypatch.setattr(parallel, "leave", lambda: did.append("left"))
    order = Nothing()
    with nullcontext() if error is None else pytest.raises(type(error)), ordered(order, DataParallel(0, 2)):
        assert did == [order]
        if error is not None:
            raise error
    assert did == [order, "left"][: 2 if isinstance(error, OutOfMemoryError) else 1]


class Nothing:
    def take_part(self) -> None: ...


def test_a_process_alone_orders_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(parallel, "share")
    with ordered(Nothing(), None), ordered(None, DataParallel(0, 2)):
        leave()


FIT = """
import sys
from types import SimpleNamespace

import numpy as np
import torch
import torch.distributed as dist
from timm.layers import DropPath
from torch import nn

from helixnas.engine import Fit, FitConfig, Runtime, RuntimeConfig
from helixnas.engine.distributed.parallel import current
from helixnas.nn import build_seeded

rank, folder = int(sys.argv[1]), sys.argv[2]
runtime = Runtime(RuntimeConfig(device="cpu", num_threads=1))
generator = torch.Generator().manual_seed(3)
pictures = torch.rand(64, 3, 8, 8, dtype=torch.float64, generator=generator)
labels = torch.randint(0, 4, (64,), generator=generator)


class Images:
    num_classes = 4

    def __len__(self):
        return 64

    def num_batches(self, batch_size, *, drop_last):
        return 64 // batch_size

    def batches(self, *, batch_size, epoch, skip, part=(0, 1), **how):
        order = np.random.default_rng(epoch).permutation(64)
        for number in range(skip, 64 // batch_size):
            rows = order[number * batch_size : (number + 1) * batch_size]
            rows = rows[part[0] * batch_size // part[1] : (part[0] + 1) * batch_size // part[1]]
            yield SimpleNamespace(images=pictures[rows], labels=labels[rows])


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.Hardswish())
        self.drop = DropPath(0.5)

    def forward(self, x):
        return x + self.drop(self.body(x))


def network():
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), Residual(), Residual(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
        nn.Dropout(0.3), nn.Linear(8, 4)
    )


def train(parallel, **settings):
    model = build_seeded(network, (0,)).double()
    config = FitConfig(num_epochs=2, batch_size=32, optimizer="sgd", lr=0.1, ema_decay=0.9, clip_grad=1.0, **settings)
    if parallel is not None:
        if parallel.rank:
            nn.init.zeros_(model[0].weight)
        parallel.send(model)
    job = Fit(
        model, Images(), config=config, runtime=runtime, normalize=lambda x: x - 0.5, seed=0, title="it", parallel=parallel,
        objective=lambda logits, loss, images: loss + logits.square().mean() + (logits[:, 0] * images.mean((1, 2, 3))).mean(),
    )
    losses, found = [], {}
    for record in job:
        losses.append(record.loss)
        for name, parameter in model.named_parameters():
            found[f"step {record.step} {name}"] = parameter.grad.clone()
    found |= model.state_dict()
    found |= {f"average {name}": value for name, value in job.average.module.state_dict().items()}
    return found, losses


kinds = [{}, {"microbatch_size": 8}, {"mixup": 0.2, "cutmix": 1.0, "label_smoothing": 0.1}]
alone = [train(None, **kind) for kind in kinds]
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
for (found, losses), kind in zip(alone, kinds, strict=True):
    together, after = train(current(), **kind)
    assert found.keys() == together.keys() and len(losses) == 4
    for name, value in found.items():
        assert (value - together[name]).abs().max() <= 1e-10, (kind, name, (value - together[name]).abs().max())
    assert np.allclose(losses, after, rtol=1e-6), (losses, after)
dist.destroy_process_group()
"""


@pytest.mark.distributed
@pytest.mark.parametrize("script", [FIT, RANK], ids=["train a classifier as one", "agree and notice a loss"])
def test_two_processes_of_half_a_batch(script: str, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", script, str(rank), str(tmp_path)], env=environment) for rank in range(2)
    ]
    assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
