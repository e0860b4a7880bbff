"""HelixNAS's networks as timm models; importing this package registers them."""

from helixnas.space import HELIXNAS
from helixnas.zoo.creation import create_model, require_known_model
from helixnas.zoo.dna import dna_architecture
from helixnas.zoo.helix_net import HelixNet, create_helix_net
from helixnas.zoo.sizes import ZOO, ModelSize, model_size, scale_to
from helixnas.zoo.small_resnet import SmallResNet

__all__ = [
    "HELIXNAS",
    "ZOO",
    "HelixNet",
    "ModelSize",
    "SmallResNet",
    "create_helix_net",
    "create_model",
    "dna_architecture",
    "model_size",
    "require_known_model",
    "scale_to",
]
