"""Tables of figures on a narrow terminal: names are folded, figures are not."""

from io import StringIO

from rich.console import Console

from helixnas.cli.tables.table import figure_table


def test_the_first_column_gives_way_before_any_figure_does() -> None:
    table = figure_table("both", "ranked by", "tau", "95 %", narrow=True)
    table.add_row("a predictor of a long name", "0.733", "0.690 to 0.773")
    console = Console(file=StringIO(), width=34)
    console.print(table)
    lines = [line.rstrip() for line in console.file.getvalue().splitlines()]  # pyright: ignore[reportAttributeAccessIssue]
    assert lines[0] == "both"
    assert max(map(len, lines)) <= 34
    assert lines[3:] == ["a           0.733  0.690 to 0.773", "predictor", "of a long", "name"]
