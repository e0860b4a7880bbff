"""Colours and symbols of charts; the style sheet says what the colours are, by day and in the dark."""

INK, QUIET, GREY = "var(--ink)", "var(--quiet)", "var(--grey)"
PALETTE = tuple(f"var(--c{number})" for number in range(8))
"""Colours of the style sheet, with a contrast of at least 4.5 : 1; the first four suit colour-blind readers."""

SYMBOLS = ("star", "diamond", "triangle", "square", "hexagon", "cross")


def color_of(position: int) -> str:
    """Return the colour of the item at a position, the same in every chart."""
    return PALETTE[position % len(PALETTE)]


def symbol_of(position: int) -> str:
    """Return the marker of the search at a position, the same in every chart."""
    return SYMBOLS[position % len(SYMBOLS)]
