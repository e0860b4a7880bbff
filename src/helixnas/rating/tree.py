"""Feature-sharing rating (Alg. 1): depth first over the tree of a cell, every prefix of layers computed once.

A cell of d layers with c operations costs c + c^2 + ... + c^d evaluations of an operation instead of d c^d. Layers tied to
one choice do not branch: c paths of d layers cost d c.
"""

from collections.abc import Callable, Generator
from contextlib import contextmanager

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm  # pyright: ignore[reportPrivateUsage] - the public classes' only base

from helixnas.engine.gpu.graphs import Run, call
from helixnas.space import Operation
from helixnas.supernet import CellModule

Score = Callable[[Tensor], Tensor]
"""Maps a path's estimate of Y_k to its score, a scalar, or to several scores at once."""

_BORROWED = ("running_mean", "running_var", "num_batches_tracked", "momentum", "track_running_stats", "training")
"""Attributes of a batch norm that calibration changes and restores."""


def rate_cell(
    cell: CellModule,
    features: Float[Tensor, "batch channels height width"],
    previous_width: int,
    score: Score,
    *,
    calibration: Float[Tensor, "images channels height width"] | None = None,
    prefix: int = 0,
    run: Run = call,
) -> Float[Tensor, " paths *scores"]:
    """Return the scores of every path of a cell in the order of ``cell.cell.paths()``; nothing in the cell changes.

    `features` are the teacher's Y_{k-1} (images for block 1); `previous_width` selects input adapter and first layer. Batch
    norm uses the statistics of `features` or, if given, of the `calibration` features, Y_{k-1} of other images, each
    layer's measured behind the layers before it in the path. With a `prefix`, only the paths that begin with the first layer's
    operation of that number, from 1, are rated. `run` calls the operations, except for a calibration.
    """
    scores: list[Tensor] = []

    def followers(before: tuple[Operation, ...]) -> tuple[Operation, ...]:
        found = cell.cell.followers(before)
        return found if before or not prefix else found[prefix - 1 : prefix]

    def descend(before: tuple[Operation, ...], x: Tensor, stats: Tensor | None) -> None:
        layer = len(before)
        if layer == cell.cell.depth:
            scores.append(score(cell.exit(x)))
            return
        for operation in followers(before):
            module = cell.operation(layer, operation.name, previous_width)
            descend((*before, operation), *_apply(module, x, stats, run))

    with torch.no_grad():
        descend((), *_apply(cell.entry(previous_width), features, calibration, call))
        return torch.stack(scores)


def _apply(module: nn.Module, x: Tensor, calibration: Tensor | None, run: Run) -> tuple[Tensor, Tensor | None]:
    """Return the module's output for `x` and for the calibration images, both normalised by the latter's statistics."""
    if calibration is None:
        return run(module, x), None
    with borrowed_statistics(module, x.device) as use_recorded:
        calibrated = module(calibration)
        use_recorded()
        return module(x), calibrated


@contextmanager
def borrowed_statistics(module: nn.Module, device: torch.device) -> Generator[Callable[[], None]]:
    """Let batch norms record the next forward pass, normalise by it after the yielded call, and restore them at the end."""
    norms = [part for part in module.modules() if isinstance(part, _BatchNorm)]
    before = [{name: getattr(norm, name) for name in _BORROWED} for norm in norms]
    for norm in norms:
        norm.running_mean = torch.zeros(norm.num_features, device=device)
        norm.running_var = torch.ones(norm.num_features, device=device)
        norm.num_batches_tracked = None
        norm.momentum = 1.0
        norm.track_running_stats = True  # else torch records nothing
        norm.training = True

    def use_recorded() -> None:
        for norm in norms:
            norm.training = False

    try:
        yield use_recorded
    finally:
        for norm, values in zip(norms, before, strict=True):
            for name, value in values.items():
                setattr(norm, name, value)
