"""A table of many figures that 80 columns have room for: no frame, narrow gaps, figures never broken."""

from rich import box
from rich.table import Table


def narrow_table(title: str, first: str, *others: str) -> Table:
    """Return a table whose first column alone may be folded; the others are figures and stand to the right."""
    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for name in others:
        table.add_column(name, justify="right", no_wrap=True)
    return table
