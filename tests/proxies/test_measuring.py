"""Networks scored one after the other: means over seeds, interruptions without effect, labels only where needed."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from helixnas.data import ImageSet
from helixnas.engine import Runtime
from helixnas.errors import ConfigError, DataError
from helixnas.nn import Normalization, build_seeded
from helixnas.proxies import PROXIES, Batch, Proxies, naswot, proxy_batches, proxy_values
from helixnas.proxies.config import LEAST_FOR_ZICO
from helixnas.space import macro

NETWORKS = tuple(macro().sample(np.random.default_rng(seed)) for seed in range(3))


PIXELS = np.random.default_rng(0).integers(0, 256, (12, 8, 8, 3), dtype=np.uint8)


def build(architecture, seed: int) -> nn.Module:
    width = 8 + architecture.effective_depth
    return build_seeded(
        lambda: nn.Sequential(nn.Conv2d(3, width, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                              nn.Linear(width, 3)), (seed,)
    )  # fmt: skip


@pytest.fixture
def batches() -> tuple[Batch, ...]:
    draw = torch.Generator().manual_seed(0)
    return tuple(Batch(torch.randn(6, 3, 8, 8, generator=draw), torch.arange(6) % 3) for _ in range(2))


def test_a_value_is_the_mean_over_the_seeds(batches: tuple[Batch, ...]) -> None:
    job = Proxies(NETWORKS, PROXIES, build, batches)
    assert [record.done for record in job] == [1, 2, 3]
    expected = [
        np.mean([naswot(build(one, seed), batch.images) for seed, batch in enumerate(batches)]) for one in NETWORKS
    ]
    assert job.values["naswot"] == pytest.approx(expected)
    assert job.values["num_layers"] == [one.effective_depth for one in NETWORKS]
    assert all(len(values) == 3 and np.isfinite(values).all() for values in job.values.values())


def test_a_job_taken_up_again_ends_as_one_that_was_not_interrupted(batches: tuple[Batch, ...]) -> None:
    whole, begun, resumed = (Proxies(NETWORKS, ("naswot", "snip"), build, batches) for _ in range(3))
    list(whole)
    next(iter(begun))
    resumed.restore(begun.state())
    assert [record.done for record in resumed] == [2, 3]
    assert resumed.values == whole.values


def _batches(runtime: Runtime, images: ImageSet, *scores: str, **other: int) -> tuple[Batch, ...]:
    return proxy_batches(
        images,
        scores,
        **{"number": 2, "batch_size": 4, **other},
        runtime=runtime,
        normalize=Normalization((0.5,) * 3, (0.5,) * 3),
        seed=3,
    )


def test_every_seed_has_images_of_its_own_and_the_same_ones_again(
    in_memory: Callable[..., ImageSet], runtime: Runtime
) -> None:
    images = in_memory(PIXELS, labels=np.arange(12) % 3)
    first, second = _batches(runtime, images, "zico")
    again = _batches(runtime, images, "zico")[0]
    assert first.images.shape == (4, 3, 8, 8)
    assert first.labels is not None
    assert torch.equal(first.images, again.images)
    assert not torch.equal(first.images, second.images)


def test_labels_are_needed_only_by_proxies_that_differentiate_a_loss(
    in_memory: Callable[..., ImageSet], runtime: Runtime
) -> None:
    images = in_memory(PIXELS)
    assert _batches(runtime, images, "naswot", "synflow")[0].labels is None
    with pytest.raises(DataError, match="the proxy snip needs labels"):
        _batches(runtime, images, "naswot", "snip")


def test_a_batch_larger_than_the_images_is_refused(in_memory: Callable[..., ImageSet], runtime: Runtime) -> None:
    images = in_memory(PIXELS)
    with pytest.raises(ConfigError, match="batch_size is 13, but there are only 12 training images; choose at"):
        _batches(runtime, images, "naswot", batch_size=13)


@pytest.mark.parametrize("name", PROXIES)
def test_every_proxy_takes_the_smallest_batch_that_settings_allow(name: str) -> None:
    number = LEAST_FOR_ZICO if name == "zico" else 2
    batch = Batch(torch.randn(number, 3, 8, 8, generator=torch.Generator().manual_seed(0)), torch.arange(number) % 3)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3), nn.AdaptiveAvgPool2d(1), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Linear(8, 3)
    )
    assert np.isfinite(proxy_values((name,), NETWORKS[0], network, batch)[name])
