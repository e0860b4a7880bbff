"""The frame of a page: escaped, self-contained, and small."""

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from helixnas.report.elements.charts import Chart
from helixnas.report.elements.page import Section, document, prose, render, section


def test_values_are_escaped_and_markup_is_not() -> None:
    figures = ["<img>", Markup("<hr>")]
    assert render("lab/study_maps", figures=figures) == "&lt;img&gt;\n<hr>\n"


def test_a_value_that_a_template_misses_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="'figures' is undefined"):
        section("a", "b", "lab/study_maps")


def test_prose_keeps_spaces_that_must_not_break() -> None:
    assert prose("macs\u00a0<\n  5") == "macs\u00a0&lt; 5"


def test_a_page_is_its_sections_with_a_table_of_contents_and_no_script_of_its_own() -> None:
    plain = Section(anchor="a", title="<A>", body=Markup("<p>text</p>"))
    drawn = Section(anchor="b", title="B", body=Chart(height=100).html("x"))
    page = document("<T>", "<s>", [plain, drawn])
    assert len(page) < 20_000
    assert '<li><a href="#a">&lt;A&gt;</a></li>' in page
    assert "<h1>&lt;T&gt;</h1>" in page
    assert "<script" not in page
