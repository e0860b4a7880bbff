"""Colours: readable on white and in the dark, the same item the same colour."""

import re
from pathlib import Path

import pytest

import helixnas.report
from helixnas.report.elements.colors import PALETTE, SYMBOLS, color_of, symbol_of

CSS = (Path(helixnas.report.__file__ or "").parent / "templates" / "page.css").read_text()


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two colours by the rule of WCAG 2."""

    def luminance(color: str) -> float:
        shares = [int(color[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("scheme", "paper"), [(0, "#ffffff"), (1, "#15191e")])
def test_every_colour_of_text_stands_out(scheme: int, paper: str) -> None:
    blocks = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)
    colors = dict(re.findall(r"--([\w-]+): (#\w{6})", blocks[scheme]))
    names = ["ink", "quiet", "link", *(color.removeprefix("var(--").rstrip(")") for color in PALETTE)]
    assert {name: contrast(colors[name], paper) > 4.5 for name in names} == dict.fromkeys(names, True)


def test_colours_and_symbols_begin_again_after_the_last() -> None:
    assert color_of(len(PALETTE)) == PALETTE[0]
    assert symbol_of(len(SYMBOLS)) == SYMBOLS[0]
