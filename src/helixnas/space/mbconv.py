"""The MBConv space of the paper (Table 1, Sec. 4.2): EfficientNet's layers with kernel, expansion, depth, width open.

Every layer is a mobile inverted bottleneck with kernel 3, 5 or 7 and expansion 3 or 6, squeeze-excite 0.25 of the
layer's *input* width, SiLU. The same builder makes spaces of other widths, depths, strides and operations.
"""

from collections.abc import Sequence

from helixnas.errors import SpaceError
from helixnas.space.architecture import Head, Path, Stage
from helixnas.space.operation import Operation
from helixnas.space.search_space import Block, Cell, SearchSpace, alike_layers

TABLE_1: tuple[tuple[tuple[int, int], ...], ...] = (
    ((2, 24), (3, 24), (2, 32)),
    ((2, 40), (3, 40), (4, 40)),
    ((2, 80), (3, 80), (4, 80)),
    ((3, 112), (4, 112), (4, 96)),
    ((4, 192), (5, 192), (5, 160)),
    ((1, 320),),
)
STRIDES = (2, 2, 2, 1, 2, 1)
"""Table 1: the cells of every block as (layers, channels), and the blocks' strides."""


def mbconv_operation(kernel: int, expansion: int, *, se_ratio: float = 0.25, activation: str = "silu") -> Operation:
    """Return the MBConv of a kernel size (pixels) and expansion (hidden width as a multiple of the input width).

    >>> mbconv_operation(5, 3).name
    'mb3_k5'
    """
    options = {"kernel": kernel, "expansion": expansion, "se_ratio": se_ratio, "activation": activation}
    return Operation.of(f"mb{expansion}_k{kernel}", kind="mbconv", **options)


def mbconv(
    *,
    name: str = "mbconv",
    cells: Sequence[Sequence[Sequence[int]]] = TABLE_1,
    strides: Sequence[int] = STRIDES,
    kernels: Sequence[int] = (3, 5, 7),
    expansions: Sequence[int] = (3, 6),
    se_ratio: float = 0.25,
    activation: str = "silu",
    stem_width: int = 32,
    stem_stride: int = 2,
    separable_width: int = 16,
    head_width: int = 1280,
) -> SearchSpace:
    """Return an MBConv space; the defaults are Table 1.

    Per block, `cells` are (layers, channels). The stem is a 3x3 convolution, of stride 1 for small images, and a
    depthwise-separable layer; `head_width` is that of the 1x1 convolution before the classifier. `se_ratio` is the
    squeeze-excite width as a share of a layer's input width. 0 leaves a separable layer, head convolution or
    squeeze-excite out. Activations have timm's names. Raises `SpaceError` if `cells` and `strides` do not describe the
    same blocks, or a cell is not two numbers.

    >>> f"{mbconv().size:,}"
    '195,898,498,887,057,408'
    >>> f"{mbconv(kernels=(3, 5)).size:,}"
    '57,532,697,542,656'
    """
    if len(cells) != len(strides):
        raise SpaceError(f"cells and strides need one entry per block, not {len(cells)} and {len(strides)}")
    for shape in [shape for block in cells for shape in block]:
        if len(shape) != 2:
            raise SpaceError(f"each of cells must be two numbers, layers and channels, not {list(shape)}")
    operations = tuple(
        mbconv_operation(kernel, expansion, se_ratio=se_ratio, activation=activation)
        for expansion in expansions
        for kernel in kernels
    )
    conv = Operation.of("conv_k3", kind="conv", kernel=3, activation=activation)
    stem = [Stage(stem_stride, Path(stem_width, (conv,)))]
    if separable_width:
        separable = Operation.of("ds_k3", kind="separable", kernel=3, se_ratio=se_ratio, activation=activation)
        stem.append(Stage(1, Path(separable_width, (separable,))))
    blocks = tuple(
        Block(stride, tuple(Cell(width, alike_layers(operations, layers)) for layers, width in block))
        for stride, block in zip(strides, cells, strict=True)
    )
    return SearchSpace(name, tuple(stem), blocks, Head(head_width, activation))
