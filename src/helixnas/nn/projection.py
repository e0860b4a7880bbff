"""Projection heads: from a block's feature map to the embedding that a self-supervised loss compares (Sec. 3.5).

The map is widened by a 1x1 convolution with batch norm and ReLU *before* it is pooled over space. Pooling is linear: pooled
alone, a block of 24 channels gives vectors of rank 24 at most, whatever the width of the projector's layers behind it.
Batch norm uses batch statistics, as everywhere in a supernet: the paths of a block share a head, and running averages
would mix them.
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.nn.initialization import seed_from
from helixnas.nn.operations import BATCH_STATISTICS


class ProjectionHead(nn.Module):
    """Maps a feature map of `channels` to one embedding per image: widening, global average pooling, projector.

    `expansion` is the number of channels that are pooled; with 0 the map is pooled as it is. `widths` are those of the
    projector's linear layers, with batch norm and ReLU between them; the last is the embedding's. In training mode, `noise`
    adds Gaussian noise to the map, of that share of each channel's standard deviation over images and pixels; it depends only
    on `noise_seed` and on the number of noisy passes before, which is saved with the weights.

    >>> head = ProjectionHead(24, expansion=64, widths=(32, 32, 16))
    >>> head(torch.randn(4, 24, 7, 7)).shape
    torch.Size([4, 16])
    """

    num_noisy: Tensor

    def __init__(
        self,
        channels: int,
        *,
        expansion: int,
        widths: Sequence[int],
        noise: float = 0.0,
        noise_seed: Sequence[int] = (0,),
    ) -> None:
        super().__init__()
        self.noise = noise
        self.noise_seed = tuple(noise_seed)
        self.register_buffer("num_noisy", torch.zeros((), dtype=torch.int64))
        self.widen = nn.Sequential()
        if expansion:
            self.widen = nn.Sequential(
                nn.Conv2d(channels, expansion, 1, bias=False), BATCH_STATISTICS(expansion), nn.ReLU()
            )
        layers: list[nn.Module] = []
        received = expansion or channels
        for width in widths[:-1]:
            norm = nn.BatchNorm1d(width, track_running_stats=False)
            layers += [nn.Linear(received, width, bias=False), norm, nn.ReLU()]
            received = width
        self.project = nn.Sequential(*layers, nn.Linear(received, widths[-1], bias=False))

    def pooled(self, features: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch pooled"]:
        """Return the widened map, averaged over space: the projector's input."""
        if self.noise and self.training:
            features = self._noisy(features)
        return self.widen(features).mean((2, 3))

    def forward(self, features: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch dimensions"]:
        """Return the embeddings of a batch of feature maps."""
        return self.project(self.pooled(features))

    def _noisy(self, features: Tensor) -> Tensor:
        generator = torch.Generator(features.device).manual_seed(seed_from(*self.noise_seed, int(self.num_noisy)))
        self.num_noisy += 1
        drawn = torch.empty(features.shape, device=features.device).normal_(generator=generator)
        return features + (self.noise * _spread(features) * drawn).to(features.dtype)


@torch.no_grad()
def _spread(features: Tensor) -> Tensor:
    """Return each channel's standard deviation, as batch norm finds it: over all processes, where they share a batch."""
    wide = features.to(torch.promote_types(features.dtype, torch.float32))
    mean, variance = wide.new_zeros(2, wide.shape[1])
    F.batch_norm(wide, mean, variance, training=True, momentum=1.0)  # fills both
    return variance.sqrt()[:, None, None]


class BlockHeads(nn.Module):
    """The two heads of a block, one per side; the student's serves all cells, whose outputs have the teacher's channels."""

    def __init__(self, teacher: ProjectionHead, student: ProjectionHead) -> None:
        super().__init__()
        self.teacher, self.student = teacher, student
