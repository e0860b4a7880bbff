"""Short trainings: every network as often rated, costs added up, and an interruption without effect."""

from dataclasses import asdict

import pytest
import torch
from torch import nn

from helixnas.data import ImageSet
from helixnas.engine import Fit, FitConfig, Runtime
from helixnas.lab.baselines import ShortTrainings
from helixnas.nn import build_seeded


@pytest.fixture
def make(images: ImageSet, runtime: Runtime):
    def begin(number: int) -> Fit:
        model = build_seeded(
            lambda: nn.Sequential(nn.Conv2d(3, 4 + number, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                                  nn.Linear(4 + number, 3)), (number,)
        )  # fmt: skip
        config = FitConfig(num_epochs=2, batch_size=8, optimizer="sgd", lr=0.05, warmup_epochs=0.0)
        return Fit(model, images, config=config, runtime=runtime, normalize=lambda x: x - 0.5, seed=0, title="it")

    def rate(job: Fit) -> dict[str, float]:
        with torch.no_grad():
            return {"accuracy": float(next(job.model.parameters()).sum()), "loss": float(job.step)}

    return lambda: ShortTrainings(begin, rate, number=3, num_points=2)


def untimed(job: ShortTrainings) -> list[dict[str, object]]:
    return [{name: value for name, value in asdict(point).items() if "seconds" not in name} for point in job.points]


def test_points_hold_every_network_and_add_up_what_all_took(make) -> None:
    job = make()
    records = list(job)
    assert records[-1].done == job.num_steps == len(records) == 3 * (6 + 2)
    first, last = job.points
    assert (first.epoch, last.epoch) == (1.0, 2.0)
    assert (first.images_seen, last.images_seen) == (3 * 24, 3 * 48)
    assert first.scores["loss"] == (3.0, 3.0, 3.0)
    assert last.scores["loss"] == (6.0, 6.0, 6.0)
    assert len({*last.scores["accuracy"]}) == 3
    assert 0 < first.seconds < last.seconds


def test_there_are_no_points_before_all_networks_are_trained(make) -> None:
    job = make()
    counts = [len(job.points) for _ in job]
    assert counts == [0] * 23 + [2]


@pytest.mark.parametrize("stop", [2, 8, 9, 13, 23])
def test_a_job_taken_up_anywhere_ends_as_one_that_was_not_interrupted(make, stop: int) -> None:
    whole, begun, resumed = make(), make(), make()
    number = sum(1 for _ in whole)
    steps = iter(begun)
    for _ in range(stop):
        next(steps)
    resumed.restore(begun.state())
    assert sum(1 for _ in resumed) == number - stop
    assert untimed(resumed) == untimed(whole)
