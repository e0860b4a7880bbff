"""Grids: the height and width of feature maps, and which images a space of patches can take.

Convolutions give ceil(side / stride) pixels; patch convolutions (`patch`, and `attention` with a stride) need sides that
the stride divides. So the candidates of one block may give different grids, or none, for some image sizes.
"""

from helixnas.errors import SpaceError

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


def nearest_multiples(value: int, divisor: int) -> str:
    """Return the two multiples of a divisor, from the divisor up, that are nearest to a value between multiples.

    >>> nearest_multiples(33, 32), nearest_multiples(5, 32)
    ('32 and 64', '32 and 64')
    """
    lower = max(1, value // divisor) * divisor
    return f"{lower} and {lower + divisor}"
