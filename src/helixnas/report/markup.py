"""Small pieces of HTML, each escaping what it is given, so that no name from a file can become markup."""

import html
from collections.abc import Sequence
from dataclasses import dataclass

WIDE = 7
"""Columns of a table that a page has room for in its usual letters."""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of the page."""

    anchor: str
    """The end of its link."""

    title: str
    body: str
    """HTML."""


def text(value: object) -> str:
    """Return `value` as text that is safe anywhere in HTML, attribute values included.

    >>> text("a<b & c")
    'a&lt;b &amp; c'
    """
    return html.escape(str(value), quote=True)


def paragraph(sentences: str) -> str:
    """Return a paragraph of plain text."""
    return f"<p>{text(sentences)}</p>\n"


def missing(sentence: str) -> str:
    """Return the note of a section that has nothing to show yet, and says what would fill it."""
    return f'<p class="missing">{text(sentence)}</p>\n'


def figure(picture: str, how_to_read: str, *, long: bool = False) -> str:
    """Return a picture (HTML) above a sentence on how to read it; a `long` one may be broken over sheets of paper."""
    opening = '<figure class="long">' if long else "<figure>"
    return f"{opening}{picture}<figcaption>{text(how_to_read)}</figcaption></figure>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str = "", numeric: int = 1) -> str:
    """Return a table of plain texts; columns from position `numeric` on are figures and stand to the right.

    Where a table is too wide, a figure is broken before its interval, and nowhere else; one of many columns is set closer.

    >>> table(["a", "b"], [["<x>", "1"]]).partition("<tbody>")[2].strip()
    '<tr><td>&lt;x&gt;</td><td class="n">1</td></tr></tbody></table>'
    """

    def cells(values: Sequence[str], tag: str) -> str:
        words = "".join(f"<{tag}>{text(value)}</{tag}>" for value in values[:numeric])
        figures = [text(value).replace(" (", " <wbr>(") for value in values[numeric:]]
        return words + "".join(f'<{tag} class="n">{value}</{tag}>' for value in figures)

    legend = f"<caption>{text(caption)}</caption>" if caption else ""
    body = "".join(f"<tr>{cells(row, 'td')}</tr>" for row in rows)
    opening = '<table class="wide">' if len(head) > WIDE else "<table>"
    return f"{opening}{legend}<thead><tr>{cells(head, 'th')}</tr></thead><tbody>{body}</tbody></table>\n"


def count(value: int | float) -> str:
    """Return a large number as a person says it: three figures and k, M or G.

    >>> count(7_257_760), count(950), count(1_234)
    ('7.26 M', '950', '1.23 k')
    """
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g} {unit}" if value / size < 999.5 else f"{value / size:,.0f} {unit}"
    return f"{value:,.0f}"


def signed(value: float, digits: int = 2) -> str:
    """Return a figure with a true minus sign, and none before zero.

    >>> signed(-0.25), signed(-0.0001), signed(0.125, 3)
    ('\u22120.25', '0.00', '0.125')
    """
    rounded = f"{value:.{digits}f}"
    return rounded.removeprefix("-") if float(rounded) == 0 else rounded.replace("-", "\u2212")


def listed(names: Sequence[str]) -> str:
    """Return names as a list in a sentence.

    >>> listed(["a", "b", "c"])
    'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]])) if names else "none"


def duration(seconds: int | float) -> str:
    """Return a time in the unit that suits it.

    >>> duration(0.25), duration(90), duration(7200)
    ('0.25 s', '1 min 30 s', '2 h 0 min')
    """
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
