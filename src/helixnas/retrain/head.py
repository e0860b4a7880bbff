"""A network of which only the head is trained, to fit a new head on trained features."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.zoo import HelixNet


class FrozenBody(nn.Module):
    """A network whose stem and blocks are frozen, in eval mode, until `release`."""

    def __init__(self, network: HelixNet) -> None:
        super().__init__()
        self.network = network
        for part in (network.stem, network.blocks):
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> "FrozenBody":
        """Set the mode of the head; stem and blocks stay in eval mode."""
        super().train(mode)
        self.network.stem.eval()
        self.network.blocks.eval()
        return self

    def forward(self, images: Float[Tensor, "batch channels height width"]) -> Float[Tensor, "batch classes"]:
        """Return the logits; gradients reach only the head."""
        with torch.no_grad():
            features = self.network.blocks(self.network.stem(images))
        return self.network.forward_head(self.network.conv_head(features))

    def release(self) -> None:
        """Make stem and blocks trainable again."""
        self.network.requires_grad_(True)
