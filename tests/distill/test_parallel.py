"""Two processes that train together: each on half of every batch, with the gradients of one on the whole."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RANK = """
import sys
from types import SimpleNamespace

import torch
import torch.distributed as dist
from torch import nn

from helixnas.distill import DistillConfig, ProjectorConfig, build_distillation, build_self_supervised
from helixnas.engine import Runtime, RuntimeConfig
from helixnas.engine.distributed.parallel import current
from helixnas.lab.sequential import Progressive
from helixnas.nn import build_seeded
from helixnas.space import mbconv, vit
from helixnas.supernet import SupernetConfig, build_supernet
from helixnas.teacher import Teacher
from helixnas.teacher.standardization import Standardization

rank, folder, objective = int(sys.argv[1]), sys.argv[2], sys.argv[3]
runtime = Runtime(RuntimeConfig(device="cpu"))
joint = objective in ("self-supervised", "noise")
torch.manual_seed(3)
pictures = torch.randn(128, 3, 8, 8, dtype=torch.float64)


class Images:
    def __len__(self):
        return 128

    def num_batches(self, batch_size, *, drop_last):
        return 1

    def batches(self, *, view=0, part=(0, 1), **how):
        own = slice(part[0] * 128 // part[1], (part[0] + 1) * 128 // part[1])
        yield SimpleNamespace(images=pictures[own] + view / 4, labels=None)


def block(received, given):
    return nn.Sequential(nn.Conv2d(received, given, 3, 2, 1, bias=False), nn.BatchNorm2d(given), nn.ReLU())


def gradients(parallel):
    model = build_seeded(
        lambda: nn.Sequential(block(3, 6), block(6, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)), (0,)
    ).double()
    sizes = {"mean": (0.5,) * 3, "std": (0.25,) * 3, "input_size": (8, 8)}
    teacher = Teacher(model, ("0", "1"), **sizes, frozen=not joint, detach_boundaries=joint).double()
    if objective in ("strict-fair", "slices"):
        teacher.standardize([Standardization(torch.full((w,), 0.3), torch.full((w,), 0.7)) for w in teacher.widths])
    space = vit(
        dimensions=(8, 16), head_dim=4, mlp_ratios=(1, 2), layers=(1, 2), strides=(1, 2), patch=2, image_size=8
    ) if objective == "slices" else mbconv(
        name="tiny",
        cells=(((2, 4), (1, 6)), ((2, 8), (1, 6))),
        strides=(2, 2),
        kernels=(3, 5),
        expansions=(2,),
        stem_width=4,
        stem_stride=1,
        separable_width=0,
        head_width=0,
    )
    shared = SupernetConfig(slimmable=objective == "slices")
    supernet = build_supernet(space, teacher.widths, config=shared, seed=0).double()
    if objective.startswith("progressive"):
        config = DistillConfig(num_epochs=3, batch_size=128, strategy=objective, num_kept=2)
        job = Progressive(
            teacher, supernet, Images(), Images(), config=config, runtime=runtime, seed=0, parallel=parallel
        )
        *_, record = (record for record in job if record.losses)
        beams = [[(str(prefix), round(score, 9)) for prefix, score in beam] for beam in job.beams]
        return supernet.state_dict(), record, {"beams": beams}
    config = DistillConfig(
        num_epochs=1,
        batch_size=128,
        objective="self-supervised" if joint else "features",
        projector=ProjectorConfig(expansion=16, widths=(12, 10), noise=0.25 * (objective == "noise")),
        sampling={"strict-fair": "strict-fair", "slices": "sandwich"}.get(objective, "uniform"),
    )
    build = build_self_supervised if joint else build_distillation
    job = build(teacher, supernet, Images(), config=config, runtime=runtime, seed=0, parallel=parallel)
    for unit in job.units:
        unit.module.double()
    (record,) = job
    found = {f"unit {number} {name}": p.grad for number, unit in enumerate(job.units)
             for name, p in unit.module.named_parameters() if p.grad is not None}
    found |= {f"teacher {name}": p.grad for name, p in model.named_parameters() if p.grad is not None}
    return found, record, {name: buffer for name, buffer in model.named_buffers()}


alone, before, statistics = gradients(None)
dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
together, after, shared = gradients(current())
assert alone.keys() == together.keys() and len(alone) > 10, (len(alone), len(together))
assert any(name.startswith("teacher") for name in alone) == joint
# progressive: weights after several steps; Adam makes much of the rounding that is the gradient of a bias before batch norm
limit = 1e-6 if objective.startswith("progressive") else 1e-10
for name, gradient in alone.items():
    assert gradient.dtype == torch.float64
    assert (gradient - together[name]).abs().max() <= limit * max(1.0, gradient.abs().max()), name
for where, loss in before.losses.items():
    assert abs(loss - after.losses[where]) < 1e-10
assert after.num_images == 128
assert statistics.pop("beams", None) == shared.pop("beams", None)
for name, buffer in statistics.items():
    torch.testing.assert_close(shared[name], buffer, rtol=1e-10, atol=1e-10)
for name, sign in before.signs.items():
    assert abs(sign - after.signs[name]) < 1e-8, name
dist.destroy_process_group()
"""


@pytest.mark.distributed
@pytest.mark.parametrize(
    "objective", ["features", "strict-fair", "slices", "self-supervised", "noise", "progressive-a", "progressive-b"]
)
def test_two_processes_of_half_a_batch_have_the_gradients_of_one_of_the_whole(objective: str, tmp_path: Path) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen([sys.executable, "-c", RANK, str(rank), str(tmp_path), objective], env=environment)
        for rank in range(2)
    ]
    assert [rank.wait(timeout=300) for rank in ranks] == [0, 0]
