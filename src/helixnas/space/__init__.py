"""Operation, Cell, Block, Architecture, SearchSpace: what is searched, as values without torch."""

from helixnas.space.architecture import HELIXNAS, Architecture, Head, LayerPlace, Path, Section, Stage
from helixnas.space.channel import channel, from_widths
from helixnas.space.definition import load_space, space_to_dict
from helixnas.space.grids import check_image_size
from helixnas.space.joining import groups_of, join_architecture, join_blocks, split_architecture
from helixnas.space.macro import from_code, macro
from helixnas.space.mbconv import mbconv, mbconv_operation
from helixnas.space.operation import Operation
from helixnas.space.scaling import Scaled, compound, scale
from helixnas.space.search_space import Block, Cell, SearchSpace
from helixnas.space.vit import attention_operation, vit

__all__ = [
    "HELIXNAS",
    "Architecture",
    "Block",
    "Cell",
    "Head",
    "LayerPlace",
    "Operation",
    "Path",
    "Scaled",
    "SearchSpace",
    "Section",
    "Stage",
    "attention_operation",
    "channel",
    "check_image_size",
    "compound",
    "from_code",
    "from_widths",
    "groups_of",
    "join_architecture",
    "join_blocks",
    "load_space",
    "macro",
    "mbconv",
    "mbconv_operation",
    "scale",
    "space_to_dict",
    "split_architecture",
    "vit",
]
