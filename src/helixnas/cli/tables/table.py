"""Tables of figures: names may be folded on a narrow terminal, figures never."""

from typing import Any

from rich import box
from rich.table import Column, Table


def figure_table(title: str, first: str, *others: str, narrow: bool = False) -> Table:
    """Return a table of names in the first column and right-aligned figures in the others, under a title.

    A `narrow` table has no frame and narrow gaps, so that many figures fit into 80 columns; it folds only the first.
    """
    columns = [Column(first, overflow="fold"), *(Column(name, justify="right", no_wrap=narrow) for name in others)]
    style: dict[str, Any] = {"box": box.SIMPLE_HEAD, "show_edge": False, "padding": (0, 1, 0, 0)} if narrow else {}
    return Table(*columns, title=title, title_justify="left", **style)
