"""The optimizer of a training unit and its learning rate: Adam, AdamW, or LARS (Sec. 4.4, for DNA++).

LARS scales each tensor's step to the tensor's own norm. Biases and the parameters of norms get neither that nor weight decay:
their norm says nothing about their scale, so they move by momentum alone. Parameters without a gradient, those outside the
drawn paths, are not touched by any of the three. Where cells share weights by slicing, optimizers of our own leave what is
outside the drawn slices alone as well.
"""

import math
from collections.abc import Iterable
from typing import Any

import torch
from timm.optim.lars import Lars
from torch.nn import Parameter
from torch.optim import Optimizer

from helixnas.distill.config import DistillConfig
from helixnas.distill.optimizers.sliced import SlicedOptimizer
from helixnas.distill.optimizers.sliced_adam import SlicedAdam
from helixnas.distill.optimizers.sliced_lars import SlicedLars


def build_optimizer(parameters: Iterable[Parameter], config: DistillConfig, block: int) -> Optimizer:
    """Return the optimizer of a unit's parameters, at the learning rate of the first step of its block.

    In LARS the parameters of one dimension, biases and norms, form the second group.
    """
    start = learning_rate(config, block, 0.0)
    if config.optimizer != "lars":
        kind = torch.optim.Adam if config.optimizer == "adam" else torch.optim.AdamW
        return kind(parameters, lr=start, weight_decay=config.weight_decay, fused=True)
    chosen: dict[str, Any] = {"momentum": config.lars.momentum, "trust_coeff": config.lars.trust_coefficient}
    groups = _lars_groups(parameters, config, "always_adapt")
    return Lars(groups, lr=start, **chosen)  # timm annotates the momentum by its default, as int


def build_sliced_optimizer(parameters: Iterable[Parameter], config: DistillConfig, block: int) -> SlicedOptimizer:
    """Return the optimizer of parameters of which some are used in slices; groups as of `build_optimizer`."""
    start = learning_rate(config, block, 0.0)
    if config.optimizer != "lars":
        is_decoupled = config.optimizer == "adamw"
        return SlicedAdam(parameters, lr=start, weight_decay=config.weight_decay, decoupled=is_decoupled)
    return SlicedLars(
        _lars_groups(parameters, config, "adapt"),
        lr=start,
        momentum=config.lars.momentum,
        trust_coefficient=config.lars.trust_coefficient,
    )


def _lars_groups(parameters: Iterable[Parameter], config: DistillConfig, adapts: str) -> list[dict[str, Any]]:
    """Return the group of weights, then that of biases and norms; `adapts` is the optimizer's name for the difference."""
    every = list(parameters)
    weights = [parameter for parameter in every if parameter.ndim > 1]
    plain = [parameter for parameter in every if parameter.ndim <= 1]
    return [
        {"params": weights, "weight_decay": config.lars.weight_decay, adapts: True},
        {"params": plain, "weight_decay": 0.0, adapts: False},
    ]


def learning_rate(config: DistillConfig, block: int, epoch: float) -> float:
    """Return the learning rate of a block after `epoch` epochs, with fractions.

    >>> learning_rate(DistillConfig(lr=0.5, lr_schedule="cosine", num_epochs=4), 2, 2.0)
    0.25
    """
    if config.optimizer == "lars":
        return _warmup_cosine(config, epoch)
    start = config.first_block_lr if block == 1 else config.lr
    if config.lr_schedule == "cosine":
        return start * (1 + math.cos(math.pi * epoch / config.num_epochs)) / 2
    return start * config.lr_decay ** math.floor(epoch)


def _warmup_cosine(config: DistillConfig, epoch: float) -> float:
    peak, warmup = config.lars.base_lr * config.batch_size / 256, config.lars.warmup_epochs
    if epoch < warmup:
        return peak * epoch / warmup
    return peak * (1 + math.cos(math.pi * (epoch - warmup) / (config.num_epochs - warmup))) / 2
