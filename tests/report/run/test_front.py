"""The Pareto front of every search, in the units of the user."""

from collections.abc import Callable
from typing import Any

from helixnas.report.reading import read_run
from helixnas.report.run.front import front_section
from helixnas.report.run.summary import summary_section


def test_latency_is_shown_in_milliseconds(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [], front_over=["latency_ns", "macs"])
    found = read_run(run.folder)
    chart = front_section(found).body
    assert "latency in milliseconds" in chart
    assert "choice: 3.5, 0.90000" in chart
    assert "latency_ns" not in chart
    assert "latency_ms 3.500" in summary_section(found).body


def test_a_front_over_several_resources_is_drawn_as_dots(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [], front_over=["macs", "params"])
    body = front_section(read_run(run.folder)).body
    assert "further resources count" in body
    assert 'class="curve"' not in body
    run.search("plain", [])
    assert 'class="curve"' in front_section(read_run(run.folder)).body


def test_before_the_first_search_there_is_no_section(begin: Callable[..., Any]) -> None:
    assert front_section(read_run(begin().folder)) is None
