"""A network of which only the head learns: how a new head is fitted on features that are there already."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from helixnas.zoo import HelixNet


class FrozenBody(nn.Module):
    """A network whose stem and blocks stay as they are, in eval mode, until `release`."""

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
        """Return the logits; nothing flows back behind the head."""
        with torch.no_grad():
            features = self.network.blocks(self.network.stem(images))
        return self.network.forward_head(self.network.conv_head(features))

    def release(self) -> None:
        """Let stem and blocks learn again."""
        self.network.requires_grad_(True)
