from .cell import SupernetCell as SupernetCell, build_stem as build_stem
from .chain import chain_features as chain_features
from .config import Interface as Interface, SupernetConfig as SupernetConfig
from .supernet import Supernet as Supernet, SupernetBlock as SupernetBlock, build_supernet as build_supernet
