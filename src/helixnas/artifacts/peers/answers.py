"""Which images a network classifies right, as text of one hexadecimal digit for four images."""

import numpy as np
import numpy.typing as npt

BoolArray = npt.NDArray[np.bool_]


def to_text(right: BoolArray) -> str:
    """Return the answers to all images, in order, as text; the last digits are filled up with zeros.

    >>> to_text(np.array([True, False, False, True, True]))
    '98'
    """
    return np.packbits(right).tobytes().hex()


def from_text(text: str, number: int) -> BoolArray:
    """Return the answers to `number` images.

    Raises `ValueError` if the text is not that of so many.

    >>> from_text("98", 5)
    array([ True, False, False,  True,  True])
    """
    packed = np.frombuffer(bytes.fromhex(text), dtype=np.uint8)
    if len(packed) != -(-number // 8):
        raise ValueError(f"answers to about {8 * len(packed)} images, but there are {number}")
    return np.unpackbits(packed, count=number).astype(np.bool_)
