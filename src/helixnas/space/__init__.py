"""Operation, Cell, Block, Architecture, SearchSpace: what is searched, as values without torch."""

from helixnas.space.architecture import Architecture, Head, Path, Stage
from helixnas.space.definition import load_space, space_to_dict
from helixnas.space.macro import from_code, macro
from helixnas.space.mbconv import mbconv, mbconv_operation
from helixnas.space.operation import Operation
from helixnas.space.scaling import Scaled, compound, scale
from helixnas.space.search_space import Block, Cell, SearchSpace

__all__ = [
    "Architecture",
    "Block",
    "Cell",
    "Head",
    "Operation",
    "Path",
    "Scaled",
    "SearchSpace",
    "Stage",
    "compound",
    "from_code",
    "load_space",
    "macro",
    "mbconv",
    "mbconv_operation",
    "scale",
    "space_to_dict",
]
