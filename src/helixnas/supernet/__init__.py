"""The supernet: blocks of cells that contain all candidate paths."""

from helixnas.supernet.cell import Interface, SupernetCell, build_stem
from helixnas.supernet.chain import chain_features
from helixnas.supernet.supernet import Supernet, SupernetBlock, SupernetConfig, build_supernet

__all__ = [
    "Interface",
    "Supernet",
    "SupernetBlock",
    "SupernetCell",
    "SupernetConfig",
    "build_stem",
    "build_supernet",
    "chain_features",
]
