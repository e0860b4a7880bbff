"""Which parameters of a teacher each block owns, for a teacher that learns block by block (DNA++, Sec. 3.5).

They are measured, not guessed from names: block k owns what Y_k depends on when its input Y_{k-1} is detached. A stem
belongs to block 1; the layers after the last boundary belong to no block and are not trained.
"""

from typing import Any

import torch
from torch.nn import Parameter

from helixnas.errors import ConfigError, TeacherError
from helixnas.teacher.teacher import Teacher


def block_parameters(teacher: Teacher) -> tuple[tuple[Parameter, ...], ...]:
    """Return the parameters of blocks 1 .. N.

    Raises:
        ConfigError: the teacher passes gradients on from block to block.
        TeacherError: two blocks share a parameter, or a connection bypasses a boundary; or a block has no parameter.
    """
    if not teacher.detach_boundaries:
        raise ConfigError("blocks own parameters only in a teacher with detach_boundaries=True")
    named = dict(teacher.model.named_parameters())
    mode = teacher.training
    image = torch.rand(1, teacher.mean.shape[1], *teacher.input_size, generator=torch.Generator().manual_seed(0))
    try:
        teacher.eval()
        features = teacher.features(image.to(teacher.mean.device))
        owned: list[list[str]] = []
        for output in features[1:]:
            if not output.requires_grad:
                owned.append([])
                continue
            total = output.float().sum()
            found: Any = torch.autograd.grad(total, list(named.values()), retain_graph=True, allow_unused=True)
            owned.append([name for name, gradient in zip(named, found, strict=True) if gradient is not None])
    finally:
        teacher.train(mode)
    _check(teacher, owned)
    return tuple(tuple(named[name] for name in names) for names in owned)


def _check(teacher: Teacher, owned: list[list[str]]) -> None:
    owners: dict[str, int] = {}
    for block, names in enumerate(owned, start=1):
        if not names:
            raise TeacherError(
                f"block {block} of the teacher, up to {teacher.boundaries[block - 1]!r}, has no parameter, so it cannot learn "
                "together with the student; choose other teacher.boundaries"
            )
        for name in names:
            if name in owners:
                raise TeacherError(
                    f"blocks {owners[name]} and {block} of the teacher both depend on {name}, past the boundary "
                    f"{teacher.boundaries[block - 2]!r}, so they cannot learn apart; choose other teacher.boundaries"
                )
            owners[name] = block
