"""Rating a network by the shared weights: its loss and accuracy on held-out images, batch norm recalibrated for it.

Batch norm takes the statistics of training images behind the very layers of the network that is rated, as in SPOS: the
statistics seen in training mix all networks. Nothing in the shared weights changes.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.engine import Runtime, evaluate, explain_out_of_memory
from helixnas.engine.batches import LabelledImages, Normalize
from helixnas.lab.baselines.one_shot import OneShot
from helixnas.rating.tree import borrowed_statistics
from helixnas.space import Architecture


class OnePath(nn.Module):
    """One network as a module, on the shared weights."""

    def __init__(self, network: OneShot, architecture: Architecture) -> None:
        super().__init__()
        self.network = network
        self.architecture = architecture

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the logits of normalised images."""
        return self.network(images, self.architecture)


def rate_path(
    network: OneShot,
    architecture: Architecture,
    images: LabelledImages,
    *,
    calibration: Float[Tensor, "images channels height width"],
    batch_size: int,
    runtime: Runtime,
    normalize: Normalize,
) -> dict[str, float]:
    """Return ``loss`` (mean cross-entropy, lower is better) and ``accuracy`` of a network on held-out images.

    Batch norm takes its statistics from the `calibration` images, which are normalised; the batch size does not affect the
    result.
    """
    path = OnePath(network, architecture)
    with borrowed_statistics(path, runtime.device) as use_recorded:
        with torch.no_grad(), runtime.autocast(), explain_out_of_memory("num_calibration", len(calibration)):
            path(calibration)
        use_recorded()
        found = evaluate(path, images, batch_size=batch_size, runtime=runtime, normalize=normalize)
    return {"loss": found.loss, "accuracy": found.accuracy}
