"""The supernet: per block, cells that hold every candidate path."""

from helixnas.supernet.cell import Interface, SupernetCell
from helixnas.supernet.supernet import Supernet, SupernetBlock, SupernetConfig, build_supernet

__all__ = ["Interface", "Supernet", "SupernetBlock", "SupernetCell", "SupernetConfig", "build_supernet"]
