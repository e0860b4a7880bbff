"""Marks are values: by default silent, solid and without a name."""

from helixnas.report.elements.colors import QUIET
from helixnas.report.elements.marks import Bars, Marks, Rule


def test_marks_without_options_draw_nothing_until_they_have_a_size_or_a_line() -> None:
    marks = Marks(x=[1], y=[2], color="c")
    assert (marks.size, marks.line, marks.name, tuple(marks.titles), tuple(marks.intervals)) == (0, 0, "", (), ())


def test_a_rule_is_quiet() -> None:
    assert Rule(x=1).color == QUIET


def test_values_are_compared_by_content() -> None:
    assert Bars(edges=[0, 1], bottom=[0], top=[1], color="c") == Bars(edges=[0, 1], bottom=[0], top=[1], color="c")
