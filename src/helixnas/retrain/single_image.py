"""Check before a training that batch norm gets more than one value per channel where batches hold one image."""

from collections.abc import Generator
from contextlib import contextmanager

import torch
from torch import nn

from helixnas.engine.runtime import SINGLE_VALUE, single_value
from helixnas.nn import meta_copy


def check_single_image(model: nn.Module, image_size: int, settings: str) -> None:
    """Run one image of `image_size` pixels through a network in training mode, on the meta device.

    Raises `ConfigError`, which names `settings`, if batch norm has a single value per channel.
    """
    with naming_single_value(settings), torch.device("meta"), torch.no_grad():
        meta_copy(model).train()(torch.empty(1, 3, image_size, image_size))


@contextmanager
def naming_single_value(settings: str) -> Generator[None]:
    """Turn torch's complaint about a single value per channel into a `ConfigError` that names `settings`."""
    try:
        yield
    except ValueError as error:
        if SINGLE_VALUE not in str(error):
            raise
        raise single_value(settings) from error
