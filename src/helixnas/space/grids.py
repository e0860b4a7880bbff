"""Grids: the height and width of feature maps, and which images a space of patches can take.

Convolutions give ceil(side / stride) pixels; patch convolutions (`patch`, and `attention` with a stride) need sides that
the stride divides. So the candidates of one block may give different grids, or none, for some image sizes.
"""

from math import ceil

from helixnas.errors import SpaceError
from helixnas.space.operation import Operation
from helixnas.space.search_space import Block, SearchSpace

HEAD_DIM = 32
"""Channels of a head of attention, unless an operation says otherwise; the paper's."""

CUTTING_KINDS = ("attention", "patch")
"""Kinds of operations that cut their input into whole patches of the stride's size."""


def require_whole_patches(height: int, width: int, patch: int) -> None:
    """Raise `SpaceError` if patches do not cover a map; the message names the nearest sides that they cover.

    >>> require_whole_patches(225, 225, 16)
    Traceback (most recent call last):
    helixnas.errors.SpaceError: 225 pixels cannot be cut into patches of 16; the nearest sizes that can are 224 and 240
    """
    for side in (height, width):
        if side % patch:
            raise SpaceError(
                f"{side} pixels cannot be cut into patches of {patch}; the nearest sizes that can are "
                f"{nearest_multiples(side, patch)}"
            )


def require_whole_heads(width: int, divisor: int, unit: str) -> None:
    """Raise `SpaceError` if a width is no multiple of the heads or of the channels of a head (`unit`).

    >>> require_whole_heads(200, 32, "channels")
    Traceback (most recent call last):
    helixnas.errors.SpaceError: a width of 200 cannot be split into heads of 32 channels; the nearest widths that can
    are 192 and 224
    """
    if width % divisor:
        parts = f"heads of {divisor} channels" if unit == "channels" else f"{divisor} heads"
        raise SpaceError(
            f"a width of {width} cannot be split into {parts}; the nearest widths that can are "
            f"{nearest_multiples(width, divisor)}"
        )


def require_hidden_units(width: int, mlp_ratio: int | float) -> None:
    """Raise `SpaceError` if the MLP of a transformer layer has no hidden unit; the message names the smallest ratio with one.

    >>> require_hidden_units(32, 0.01)
    Traceback (most recent call last):
    helixnas.errors.SpaceError: an MLP ratio of 0.01 leaves a width of 32 no hidden unit; the smallest ratio that gives one
    is 0.03125
    """
    if int(width * mlp_ratio) < 1:
        raise SpaceError(
            f"an MLP ratio of {mlp_ratio:g} leaves a width of {width} no hidden unit; the smallest ratio that gives one is "
            f"{ceil(1e5 / width) / 1e5:g}"
        )


def nearest_multiples(value: int, divisor: int) -> str:
    """Return the two multiples of a divisor, from the divisor up, that are nearest to a value between multiples.

    >>> nearest_multiples(33, 32), nearest_multiples(5, 32)
    ('32 and 64', '32 and 64')
    """
    lower = max(1, value // divisor) * divisor
    return f"{lower} and {lower + divisor}"


def grid_of(input_size: tuple[int, int], stride: int) -> tuple[int, int]:
    """Return height and width of a student's feature map at a total stride, for images of `input_size`.

    >>> grid_of((225, 224), 16)
    (15, 14)
    """
    return -(-input_size[0] // stride), -(-input_size[1] // stride)


def whole_ratio(finer: tuple[int, int], coarser: tuple[int, int]) -> tuple[int, int] | None:
    """Return the height and width of the windows that turn a grid into a coarser one, None if whole windows do not.

    >>> whole_ratio((28, 28), (14, 14)), whole_ratio((16, 16), (14, 14)), whole_ratio((7, 7), (14, 14))
    ((2, 2), None, None)
    """
    (down, rest_down), (across, rest_across) = (divmod(*sides) for sides in zip(finer, coarser, strict=True))
    return None if rest_down or rest_across or not down or not across else (down, across)


def check_image_size(space: SearchSpace, image_size: int) -> None:
    """Raise `SpaceError` if some network of a space cannot take square images of this side, in pixels.

    Either patches do not cover an image or a map, or the candidates of one block give different grids. The message names
    the nearest sizes that fit.

    >>> from helixnas.space import vit
    >>> check_image_size(vit(), 225)
    Traceback (most recent call last):
    helixnas.errors.SpaceError: images of 225 pixels do not fit space 'vit': patch in the stem cannot cut 225 pixels into
    patches of 16; the nearest sizes that fit are 224 and 240
    """
    side, total = image_size, 1
    for stage in space.stem:
        total *= stage.stride
        side = _next_side(space, image_size, side, "the stem", total, [[(stage.path.operations[0], stage.stride)]])
    for number, block in enumerate(space.blocks, start=1):
        total *= block.stride
        side = _next_side(space, image_size, side, f"block {number}", total, _entries(block))


def _entries(block: Block) -> list[list[tuple[Operation, int]]]:
    """Return ways through the strided layers of a block: operation and stride; one operation stands for all that cut alike."""
    found: dict[tuple[tuple[Operation, int], ...], None] = {}
    for cell in block.cells:
        ways: list[tuple[tuple[Operation, int], ...]] = [()]
        for layer, place in zip(cell.layers, cell.places(1, block.stride), strict=True):
            if place.stride > 1:
                kinds = {operation.kind in CUTTING_KINDS: operation for operation in reversed(layer)}
                ways = [(*way, (operation, place.stride)) for way in ways for operation in kinds.values()]
        found |= dict.fromkeys(ways)
    return [list(way) for way in found]


def _next_side(
    space: SearchSpace, image_size: int, side: int, where: str, total: int, ways: list[list[tuple[Operation, int]]]
) -> int:
    """Return the side behind layers with strides; `total` is the stride of the network up to there."""
    refused, others, after = "", "", side
    for way in ways:
        after = side
        for operation, stride in way:
            if operation.kind in CUTTING_KINDS and after % stride:
                refused = refused or f"{operation.name} in {where} cannot cut {after} pixels into patches of {stride}"
                break
            after = -(-after // stride)
        else:
            others = others or (f", where {way[-1][0].name} gives {after} x {after} pixels" if way else "")
    if refused:
        raise SpaceError(
            f"images of {image_size} pixels do not fit space {space.name!r}: {refused}{others}; the nearest sizes that fit "
            f"are {nearest_multiples(image_size, total)}"
        )
    return after
