"""The vision transformer space of the paper (Sec. 4.2): width, MLP ratio and depth of every block are open.

A block chooses among embedding dimensions 224 to 448 with heads of 32 channels, MLP ratios 2.5 to 4, and 3 or 4 layers:
64 candidates, and 64^4 networks in four blocks. The paper lists dimensions, heads, ratios and a total depth of 12 to 16; that
heads follow from the dimension, and that all layers of a block share one ratio, is our reading of its 1.7 x 10^7.
"""

from collections.abc import Sequence

from helixnas.errors import SpaceError
from helixnas.space.architecture import Head, Path, Stage
from helixnas.space.grids import HEAD_DIM, check_image_size, require_hidden_units, require_whole_heads
from helixnas.space.operation import Operation
from helixnas.space.search_space import Block, Cell, SearchSpace, alike_layers

DIMENSIONS = tuple(range(224, 449, 32))
MLP_RATIOS = (2.5, 3.0, 3.5, 4.0)


def attention_operation(
    mlp_ratio: int | float, *, head_dim: int = HEAD_DIM, qkv_bias: bool = True, layer_scale: float = 0.0
) -> Operation:
    """Return the transformer layer of an MLP ratio (hidden width of the MLP as a multiple of the layer's width).

    >>> attention_operation(2.5).name, attention_operation(4).name
    ('attn_r2_5', 'attn_r4')
    """
    options = {"head_dim": head_dim, "mlp_ratio": float(mlp_ratio), "qkv_bias": qkv_bias, "layer_scale": layer_scale}
    return Operation.of(f"attn_r{mlp_ratio:g}".replace(".", "_"), kind="attention", **options)


def vit(
    *,
    name: str = "vit",
    dimensions: Sequence[int | Sequence[int]] = DIMENSIONS,
    head_dim: int = HEAD_DIM,
    mlp_ratios: Sequence[int | float] = MLP_RATIOS,
    layers: Sequence[int | Sequence[int]] = (3, 4),
    strides: Sequence[int] = (1, 1, 1, 1),
    patch: int = 16,
    image_size: int = 224,
    stem_width: int = 384,
    positions: bool = True,
    qkv_bias: bool = True,
    layer_scale: float = 0.0,
    per_layer: bool = False,
) -> SearchSpace:
    """Return a space of vision transformers; the defaults are the paper's.

    `dimensions` and `layers` are the choices of every block, or lists with one entry per block. `strides` has one entry per
    block: 1 keeps the grid of patches, 2 merges 2 x 2 of them (a pyramid). The stem cuts images of `image_size` pixels into
    patches of `patch` pixels and maps them to `stem_width` channels, with learned `positions`, which are interpolated for
    images of other sizes. With `per_layer` every layer chooses its MLP ratio, not every block. `layer_scale` is the initial
    factor of each branch (0: none). Raises `SpaceError` if heads do not divide a dimension, patches do not an image, or an MLP
    has no hidden unit.

    >>> f"{vit().size:,}"
    '16,777,216'
    >>> f"{vit(per_layer=True).size:,}"
    '42,949,672,960,000'
    """
    sizes = {"head_dim": head_dim, "patch": patch, "image_size": image_size, "stem_width": stem_width}
    for title, size in sizes.items():
        if size < 1:
            raise SpaceError(f"{title} must be at least 1, not {size}")
    operations = tuple(
        attention_operation(ratio, head_dim=head_dim, qkv_bias=qkv_bias, layer_scale=layer_scale)
        for ratio in mlp_ratios
    )
    blocks: list[Block] = []
    by_block = (_by_block(dimensions, strides, "dimensions"), _by_block(layers, strides, "layers"))
    for stride, widths, depths in zip(strides, *by_block, strict=True):
        for width in widths:
            if width < 1:
                raise SpaceError(f"each of dimensions must be at least 1, not {width}")
            require_whole_heads(width, head_dim, "channels")
            for ratio in mlp_ratios:
                require_hidden_units(width, ratio)
        shapes = [(depth, width) for depth in depths for width in widths]
        cells = (Cell(width, alike_layers(operations, n), ties=() if per_layer else (n,)) for n, width in shapes)
        blocks.append(Block(stride, tuple(cells)))
    stem = Operation.of("patch", kind="patch", grid=image_size // patch if positions else 0)
    space = SearchSpace(name, (Stage(patch, Path(stem_width, (stem,))),), tuple(blocks), Head(0, kind="norm"))
    check_image_size(space, image_size)
    return space


def _by_block(choices: Sequence[int | Sequence[int]], strides: Sequence[int], title: str) -> list[list[int]]:
    """Return the choices of every block, given for all blocks or as one list per block."""
    lists = [list(each) for each in choices if not isinstance(each, int)]
    if not lists:
        return [[each for each in choices if isinstance(each, int)]] * len(strides)
    if len(lists) != len(choices) or len(lists) != len(strides):
        raise SpaceError(
            f"{title} must be numbers, for all blocks, or {len(strides)} lists of numbers, one per block, not {list(choices)}"
        )
    return lists
