from .cell import CellModule as CellModule, SupernetCell as SupernetCell, build_stem as build_stem
from .chain import chain_features as chain_features
from .config import Interface as Interface, Slices as Slices, SupernetConfig as SupernetConfig
from .from_teacher import begin_from_teacher as begin_from_teacher, require_same_layers as require_same_layers
from .importance import order_by_importance as order_by_importance
from .regions import Region as Region, disjoint as disjoint, view_of as view_of, whole_region as whole_region
from .sliced_layer import Slice as Slice, SlicedLayer as SlicedLayer
from .slimmable import SliceCell as SliceCell, SlimmableCells as SlimmableCells
from .supernet import Supernet as Supernet, SupernetBlock as SupernetBlock, build_supernet as build_supernet
