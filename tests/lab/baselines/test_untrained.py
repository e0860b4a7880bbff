"""Zero-cost proxies as a baseline: one point, no training, and an interruption without effect."""

import numpy as np
import torch
from torch import nn

from helixnas.lab.baselines import Untrained
from helixnas.nn import build_seeded
from helixnas.proxies import Batch, Proxies
from helixnas.space import macro

NETWORKS = tuple(macro().sample(np.random.default_rng(seed)) for seed in range(3))


def make() -> Untrained:
    def build(architecture, seed: int) -> nn.Module:
        width = 4 + architecture.effective_depth
        return build_seeded(lambda: nn.Sequential(nn.Flatten(), nn.Linear(12, width), nn.ReLU()), (seed,))

    batches = [Batch(torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(seed)), None) for seed in (0, 1)]
    return Untrained(Proxies(NETWORKS, ("naswot",), build, batches))


def test_there_is_one_point_before_any_training_once_all_networks_are_scored() -> None:
    job = make()
    counts = [len(job.points) for _ in job]
    assert counts == [0, 0, 1]
    (point,) = job.points
    assert (point.epoch, point.images_seen, point.core_seconds) == (0.0, 10, 0.0)
    assert point.scores == {"naswot": tuple(job.proxies.values["naswot"])}
    assert point.rating_seconds > 0


def test_a_job_taken_up_again_ends_as_one_that_was_not_interrupted() -> None:
    whole, begun, resumed = make(), make(), make()
    list(whole)
    next(iter(begun))
    resumed.restore(begun.state())
    assert [record.done for record in resumed] == [2, 3]
    assert resumed.points[0].scores == whole.points[0].scores
