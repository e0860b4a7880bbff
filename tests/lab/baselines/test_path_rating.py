"""Rating by shared weights: batch norm from the calibration images, nothing changed, the batch size without effect."""

import pytest
import torch
import torch.nn.functional as F

from helixnas.data import ImageSet
from helixnas.engine import Runtime
from helixnas.lab.baselines.one_shot import OneShot
from helixnas.lab.baselines.path_rating import rate_path
from helixnas.space import Architecture


def rate(network: OneShot, architecture: Architecture, images: ImageSet, runtime: Runtime, **given) -> dict[str, float]:
    calibration = torch.rand(12, 3, 8, 8, generator=torch.Generator().manual_seed(0)) - 0.5
    how = {"calibration": calibration, "batch_size": 8, "runtime": runtime, **given}
    return rate_path(network, architecture, images, normalize=lambda each: each - 0.5, **how)


def test_statistics_are_those_of_the_calibration_images(
    network: OneShot, networks: list[Architecture], images: ImageSet, runtime: Runtime
) -> None:
    whole = next(iter(images.batches(batch_size=24, seed=0, augment=False, shuffle=False)))
    own = rate(network, networks[3], images, runtime, calibration=whole.images - 0.5)
    logits = network(whole.images - 0.5, networks[3])
    assert own["loss"] == pytest.approx(
        float(F.cross_entropy(logits, whole.labels).detach()), rel=0.02
    )  # unbiased variances
    assert own["loss"] != rate(network, networks[3], images, runtime)["loss"]


def test_the_batch_size_changes_no_result(
    network: OneShot, networks: list[Architecture], images: ImageSet, runtime: Runtime
) -> None:
    one, two = (rate(network, networks[3], images, runtime, batch_size=size) for size in (5, 24))
    assert one == pytest.approx(two, rel=1e-5)


def test_nothing_in_the_shared_weights_changes(
    network: OneShot, networks: list[Architecture], images: ImageSet, runtime: Runtime
) -> None:
    before = {name: value.clone() for name, value in network.state_dict().items()}
    rate(network, networks[3], images, runtime)
    after = network.state_dict()
    assert list(before) == list(after)
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    x = torch.rand(4, 3, 8, 8)
    twice = torch.cat([x, x + 1])
    assert not torch.allclose(network(x, networks[3]), network(twice, networks[3])[:4])  # statistics of the batch again
