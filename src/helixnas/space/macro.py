"""The space of NAS-Bench-Macro, with identities written as shorter cells.

The benchmark codes a CIFAR-10 network as eight digits, one per layer: 0 identity, 1 MBConv 3x3 of expansion 3, 2 MBConv
5x5 of expansion 6 (ReLU, no squeeze-excite). In the first layer of a block, the identity is a 1x1 convolution with batch
norm. A later identity is here a *shorter cell with its own weights*, so the 6,561 codes name 3,969 different networks.
"""

from collections.abc import Sequence

from helixnas.errors import SpaceError
from helixnas.space.architecture import Architecture, Head, Path, Stage
from helixnas.space.mbconv import mbconv_operation
from helixnas.space.operation import Operation
from helixnas.space.search_space import Block, Cell, SearchSpace

IDENTITY = Operation.of("identity", kind="projection")
"""The benchmark's identity where width or resolution changes: a 1x1 convolution with batch norm."""

MB3_K3 = mbconv_operation(3, 3, se_ratio=0.0, activation="relu")
MB6_K5 = mbconv_operation(5, 6, se_ratio=0.0, activation="relu")
CODES = {"0": IDENTITY, "1": MB3_K3, "2": MB6_K5}


def macro(
    *,
    name: str = "macro",
    widths: Sequence[int] = (64, 128, 256),
    depths: Sequence[int] = (2, 3, 3),
    stem_width: int = 32,
    head_width: int = 1280,
) -> SearchSpace:
    """Return the benchmark's space, or one of other widths and depths; raises `SpaceError` if their numbers differ.

    >>> f"{macro().size:,}"
    '3,969'
    """
    if len(widths) != len(depths):
        raise SpaceError(f"widths and depths need one entry per block, not {len(widths)} and {len(depths)}")
    later = (MB3_K3, MB6_K5)
    stem = (Stage(1, Path(stem_width, (Operation.of("conv_k3", kind="conv", kernel=3, activation="relu"),))),)
    blocks = tuple(
        Block(2, tuple(Cell(width, ((IDENTITY, *later), *((later,) * (layers - 1)))) for layers in range(1, depth + 1)))
        for width, depth in zip(widths, depths, strict=True)
    )
    return SearchSpace(name, stem, blocks, Head(head_width, "relu"))


def from_code(code: str, space: SearchSpace | None = None) -> Architecture:
    """Return the network of one of the benchmark's codes; raises `SpaceError` unless it has a digit per layer.

    >>> from_code("22212220").text
    '64:mb6_k5,mb6_k5 128:mb6_k5,mb3_k3,mb6_k5 256:mb6_k5,mb6_k5'
    """
    space = macro() if space is None else space
    depths = [max(cell.depth for cell in block.cells) for block in space.blocks]
    if len(code) != sum(depths) or set(code) - set(CODES):
        raise SpaceError(f"code {code!r} must be {sum(depths)} digits, each 0, 1 or 2")
    paths: list[Path] = []
    for block, depth in zip(space.blocks, depths, strict=True):
        digits, code = code[:depth], code[depth:]
        kept = digits[0] + digits[1:].replace("0", "")
        paths.append(Path(block.widths[0], tuple(CODES[digit] for digit in kept)))
    return space.architecture(tuple(paths))
