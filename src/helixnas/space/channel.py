"""The space of Channel-Bench-Macro (its MobileNet half): networks that differ in seven widths only.

A searched 3x3 convolution is the first layer, so the stem passes the image on. Every width is a quarter to four quarters
of its largest; the benchmark codes a network as seven digits 1 to 4, one per width.
"""

from collections.abc import Sequence

from helixnas.errors import SpaceError
from helixnas.space.architecture import Architecture, Head, Path, Stage
from helixnas.space.operation import Operation
from helixnas.space.search_space import Block, Cell, SearchSpace

LARGEST = (128, 768, 768, 768, 256, 1536, 1024)
"""The largest widths, in the order of the digits: first convolution, two hidden, hidden, output and hidden, last convolution."""

CONV_K3 = Operation.of("conv_k3", kind="conv", kernel=3, activation="relu")
CONV_K1 = Operation.of("conv_k1", kind="conv", kernel=1, activation="relu")
IMAGE = Operation.of("image", kind="image")


def hidden_operation(hidden: int) -> Operation:
    """Return an MBConv 3x3 of so many hidden channels, whatever its input width (ReLU, no squeeze-excite).

    >>> hidden_operation(192).name
    'mb_h192_k3'
    """
    return Operation.of(f"mb_h{hidden}_k3", kind="mbconv", kernel=3, hidden=hidden, se_ratio=0.0, activation="relu")


def channel(*, name: str = "channel", largest: Sequence[int] = LARGEST, num_widths: int = 4) -> SearchSpace:
    """Return the benchmark's space, or one of other largest widths, each in `num_widths` even steps.

    Raises `SpaceError` unless there are seven widths that the steps divide.

    >>> [block.num_paths for block in channel().blocks], f"{channel().size:,}"
    ([64, 64, 4], '16,384')
    """
    if len(largest) != len(LARGEST):
        raise SpaceError(f"a channel space has {len(LARGEST)} widths, not {len(largest)}")
    wrong = [width for width in largest if width < 1 or width % num_widths] if num_widths > 0 else [num_widths]
    if wrong:
        raise SpaceError(f"every largest width must be a multiple of num_widths={num_widths}, not {wrong[0]}")
    first, b, c, d, second, f, last = (
        tuple(width * step // num_widths for step in range(1, num_widths + 1)) for width in largest
    )

    def inner(widths: Sequence[int]) -> tuple[Operation, ...]:
        return tuple(map(hidden_operation, widths))

    blocks = (
        Block(2, tuple(Cell(width, ((CONV_K3,), inner(b), inner(c))) for width in first)),
        Block(2, tuple(Cell(width, (inner(d), inner(f))) for width in second)),
        Block(1, tuple(Cell(width, ((CONV_K1,),)) for width in last)),
    )
    return SearchSpace(name, (Stage(1, Path(3, (IMAGE,))),), blocks, Head(0))


def from_widths(code: str, space: SearchSpace | None = None) -> Architecture:
    """Return the network of one of the benchmark's codes; raises `SpaceError` unless it is seven digits 1 to 4.

    >>> from_widths("1234411").text
    '32:conv_k3,mb_h384_k3,mb_h576_k3 256:mb_h768_k3,mb_h384_k3 256:conv_k1'
    """
    space = channel() if space is None else space
    if len(code) != len(LARGEST) or set(code) - set("1234"):
        raise SpaceError(f"code {code!r} must be {len(LARGEST)} digits, each 1 to 4")
    a, b, c, d, e, f, g = (int(digit) - 1 for digit in code)
    first, second, last = (block.cells for block in space.blocks)
    return space.architecture((first[a].path_at((0, b, c)), second[e].path_at((d, f)), last[g].path_at((0,))))
