"""Looks that every chart shares."""

import pytest

from helixnas.report.elements.charts import Chart, label, log_axis, scatter, whiskers


@pytest.mark.parametrize("span", [(0.3, 0.5), (0.02, 3.0), (1e-6, 1.0), (0.4, 0.4)])
def test_logarithmic_labels_are_few_and_inside(span: tuple[float, float]) -> None:
    ticks = log_axis(span)["tickvals"]
    assert len(ticks) <= 9
    assert all(span[0] <= tick <= span[1] for tick in ticks)


def test_a_logarithmic_axis_without_positive_values_is_still_one() -> None:
    assert log_axis([0.0])["type"] == "log"


def test_labels_show_markup_as_it_is() -> None:
    assert label("<b>&") == "&lt;b&gt;&amp;"


def test_a_chart_carries_no_library_and_its_titles_show_markup_as_it_is() -> None:
    piece = Chart(["<b>"], columns=2, height=100).html("x")
    assert len(piece) < 20_000
    assert 'id="chart-x"' in piece
    assert "&lt;b&gt;" in piece.replace("\\u0026", "&")


def test_panels_fill_rows_and_only_the_first_of_a_row_has_a_title() -> None:
    chart = Chart(["a", "b", "c"], columns=2, height=100, share_y=True)
    for panel in range(3):
        chart.add(scatter([1], [2], "markers"), panel)
        chart.y(panel, title_text="accuracy")
    assert [trace.xaxis for trace in chart.figure.data] == ["x", "x2", "x3"]
    axes = [chart.figure.layout[name] for name in ("yaxis", "yaxis2", "yaxis3")]
    assert [axis.title.text for axis in axes] == ["accuracy", None, "accuracy"]
    assert [axis.matches for axis in axes] == [None, "y", "y"]
    assert axes[0].domain[0] > axes[2].domain[1]


def test_a_key_stands_in_its_own_panel_in_the_colours_of_the_lines() -> None:
    chart = Chart(["a", "b"], columns=2, height=100)
    chart.key(["<8>", "16"], 1, "-")
    found = chart.figure.layout.annotations[-1]
    assert (found.xref, found.yref) == ("x2 domain", "y2 domain")
    assert found.text == '<span style="color:#0b62a8">- &lt;8&gt;</span><br><span style="color:#b85c00">- 16</span>'


def test_a_trace_without_words_for_the_pointer_is_silent() -> None:
    assert scatter([1], [2], "lines")["hoverinfo"] == "skip"
    assert scatter([1], [2], "lines", hover="%{x}")["hovertemplate"] == "%{x}<extra></extra>"


def test_whiskers_end_where_the_intervals_do() -> None:
    bars = whiskers([0.5, 0.25], [(0.25, 1.0), (0.0, 0.25)], width=4)
    assert (bars["array"], bars["arrayminus"], bars["width"]) == ([0.5, 0.0], [0.25, 0.25], 4)
