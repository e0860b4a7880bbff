"""Signs of collapse in self-supervised learning: embeddings that no longer tell images apart.

Two ways lead there. All embeddings become one point: the spread of the dimensions goes to 0, which Eq. 11 works against. Or
dimensions repeat each other: the effective rank goes to 1, which the covariance term of Eq. 10 works against. The loss shows
neither, since both sides then agree.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from helixnas.distill.config import CollapseConfig
from helixnas.distill.vicreg import covariance_penalty


@dataclass(frozen=True)
class Health:
    """What a look at the embeddings of a block found."""

    signs: Mapping[str, float]
    """Per sign, such as ``block 1 teacher spread``, its value."""

    failure: str = ""
    """Why the block must stop, as a clause; empty if it need not."""


def effective_rank(embeddings: Float[Tensor, "batch dimensions"]) -> float:
    """Return the number of directions in which embeddings vary: exp of the entropy of the normalised singular values.

    Between 1, all in one direction, and the smaller of dimensions and images less one; of centred embeddings. 0 if they do
    not vary at all. Source: Roy and Vetterli, 2007.

    >>> effective_rank(torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]))
    2.0
    """
    values = torch.linalg.svdvals((embeddings - embeddings.mean(0)).cpu().double())
    total = values.sum()
    if not total > 0:
        return 0.0
    shares = values[values > 0] / total
    return round(float((-(shares * shares.log()).sum()).exp()), 6)


def look(block: int, sides: Mapping[str, Sequence[Tensor]], *, step: int, config: CollapseConfig) -> Health:
    """Return the signs of every side's embeddings, and why the block must stop, if it must.

    A side has one tensor, (batch, dimensions), per path that was trained in the step. Its signs are the worst of them: the
    least spread and effective rank, and the largest covariance. `step` counts from 1, for the message. Raises nothing: what a
    collapse ends is the caller's choice.
    """
    signs: dict[str, float] = {}
    failure = ""
    for side, paths in sides.items():
        looks = [_signs(raw.detach().float()) for raw in paths]
        for name, worst in (("spread", min), ("effective rank", min), ("covariance", max)):
            signs[f"block {block} {side} {name}"] = worst(found[name] for found in looks)
        for number, (embeddings, found) in enumerate(zip(paths, looks, strict=True), start=1):
            highest = min(embeddings.shape[0] - 1, embeddings.shape[1])
            reason = _reason(found["spread"], found["effective rank"], highest, config)
            if reason and not failure:
                which = f" (path {number} of {len(paths)})" if len(paths) > 1 else ""
                failure = (
                    f"the embeddings of block {block}'s {side} side{which} have collapsed in step {step}: {reason}"
                )
    return Health(signs, failure)


def _signs(embeddings: Tensor) -> dict[str, float]:
    return {
        "spread": float(embeddings.std(0).mean()),
        "effective rank": effective_rank(embeddings),
        "covariance": float(covariance_penalty(embeddings)),
    }


def _reason(spread: float, rank: float, highest: int, config: CollapseConfig) -> str:
    if spread < config.min_spread:
        return f"their mean standard deviation is {spread:.3g}, below distill.collapse.min_spread={config.min_spread:g}"
    if rank < config.min_rank_share * highest:
        return (
            f"their effective rank is {rank:.3g} of {highest}, below the share "
            f"distill.collapse.min_rank_share={config.min_rank_share:g}"
        )
    return ""


Watch = Callable[[int, bool], Health]
"""Maps the number of steps done, and whether that was the last, to what a look at a unit's embeddings found; nothing in the
steps between two looks."""
