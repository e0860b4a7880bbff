"""SPOS, FairNAS and DARTS: the shared weights, the updates of a step, and the score of a network."""

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from helixnas.data import ImageSet
from helixnas.engine import Runtime
from helixnas.engine.batches import Normalize
from helixnas.lab.baselines.config import BaselineConfig
from helixnas.lab.baselines.curve import SharedWeights
from helixnas.lab.baselines.mixture import Choices, build_choices, mixed_logits
from helixnas.lab.baselines.one_shot import OneShot, build_one_shot
from helixnas.lab.baselines.path_rating import OnePath, rate_path
from helixnas.lab.baselines.sampling import draw_fairly, draw_uniformly
from helixnas.lab.baselines.training import Training, Turn
from helixnas.space import Architecture, SearchSpace

HALVES_STREAM = 45
"""Separates the random split of the training images from the other random numbers of a seed."""

TITLES = {
    "spos": "the shared weights (SPOS)",
    "fairnas": "the shared weights (FairNAS)",
    "darts": "the mixture (DARTS)",
}
"""Names of the trained weights, for messages."""


def shared_weights(
    space: SearchSpace,
    architectures: Sequence[Architecture],
    *,
    config: BaselineConfig,
    train: ImageSet,
    rating: ImageSet,
    rating_batch_size: int,
    runtime: Runtime,
    normalize: Normalize,
    seed: int,
) -> SharedWeights:
    """Return the training of spos, fairnas or darts, with ratings of the `architectures` at evenly spaced moments.

    The `rating` images are held out from `train`; the seed decides initial weights, order, augmentation and sampled networks.
    Raises `ConfigError` if a batch holds more images than there are, or there are fewer steps than points.
    """
    network = runtime.place(build_one_shot(space, num_classes=train.num_classes, seed=seed))
    start = partial(
        Training,
        num_epochs=config.num_epochs,
        batch_size=config.batch_size,
        runtime=runtime,
        normalize=normalize,
        seed=seed,
        title=TITLES[config.method],
    )
    if config.method == "darts":
        choices = runtime.place(build_choices(space, seed=seed))
        turns = _turns_of_darts(network, choices, train, config, seed)
        training = start(nn.ModuleDict({"network": network, "choices": choices}), turns)
        return SharedWeights(
            training,
            lambda architecture: {"log_probability": choices.log_probability(architecture)},
            architectures,
            num_points=config.num_points,
        )
    draw = draw_uniformly if config.method == "spos" else draw_fairly

    def passes(step: int) -> list[OnePath]:
        return [OnePath(network, architecture) for architecture in draw(space, seed=seed, step=step)]

    turn = Turn(images=train, optimizer=_sgd(network, config), passes=passes, clip_grad=config.clip_grad)
    rate = partial(
        rate_path,
        network,
        images=rating,
        calibration=_calibration(train, config.num_calibration, runtime, normalize),
        batch_size=rating_batch_size,
        runtime=runtime,
        normalize=normalize,
    )
    return SharedWeights(start(network, [turn]), rate, architectures, num_points=config.num_points)


def _turns_of_darts(
    network: OneShot, choices: Choices, train: ImageSet, config: BaselineConfig, seed: int
) -> tuple[Turn, Turn]:
    """Return the turn of the architecture parameters on one half of the images, and that of the weights on the other."""
    order = np.random.default_rng((seed, HALVES_STREAM)).permutation(len(train))
    first, second = (np.sort(half) for half in np.array_split(order, 2))

    def passes(step: int) -> list[Callable[[Tensor], Tensor]]:
        return [partial(mixed_logits, network, choices)]

    adam = torch.optim.Adam(
        choices.parameters(), lr=config.alpha_lr, betas=(0.5, 0.999), weight_decay=config.alpha_weight_decay
    )
    return (
        Turn(images=train.subset(second), optimizer=adam, passes=passes, decays=False),
        Turn(images=train.subset(first), optimizer=_sgd(network, config), passes=passes, clip_grad=config.clip_grad),
    )


def _sgd(network: OneShot, config: BaselineConfig) -> torch.optim.SGD:
    return torch.optim.SGD(
        network.parameters(), lr=config.lr, momentum=config.momentum, weight_decay=config.weight_decay
    )


@torch.no_grad()
def _calibration(train: ImageSet, number: int, runtime: Runtime, normalize: Normalize) -> Tensor:
    """Return one batch of normalised training images without augmentation, balanced by class."""
    chosen = train.subset(min(number, len(train)))
    (batch,) = chosen.batches(batch_size=len(chosen), seed=0, augment=False, shuffle=False)
    return normalize(runtime.images(batch.images))
