"""How sure is the choice: in words and as a forest plot."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.report.choice import certainty_section, differing_blocks, front_section, told_apart, verdict
from helixnas.report.reading import RunnerUp, read_run
from helixnas.report.summary import summary_section


def verdict_of(begin: Callable[..., Any], runners_up: list[tuple[float, float | None]]) -> str:
    run = begin()
    run.search("only", runners_up)
    return verdict(read_run(run.folder).searches[0])


@pytest.mark.parametrize(
    ("runners_up", "sentence"),
    [
        ([], "No other network meets the limits"),
        ([(0.01, None)], "cannot be said: one rating batch has no spread"),
        ([(0.03, 0.01), (0.05, 0.01)], "told apart from all of the next 2"),
        ([(0.03, 0.01), (0.01, 0.01)], "1 of the next 2 is not told apart from the winner"),
        ([(0.0, 0.01), (0.02, 0.01)], "2 of the next 2 are not told apart from the winner"),
    ],
)
def test_the_verdict_counts_those_within_two_standard_errors(
    begin: Callable[..., Any], runners_up: list[tuple[float, float | None]], sentence: str
) -> None:
    assert sentence in verdict_of(begin, runners_up)


def test_a_difference_without_spread_is_not_judged() -> None:
    assert told_apart(RunnerUp(architecture="a", difference=1.0, standard_error=None)) is None


def test_differing_blocks_of_equal_networks_are_none() -> None:
    assert differing_blocks("16:a 24:b", "16:a 24:b") == []


def test_few_batches_are_said_to_make_the_error_rough(finished: Any) -> None:
    body = certainty_section(read_run(finished.folder)).body
    assert "With 4 batches the standard error is itself rough: two of them cover about 86 %." in body


def test_latency_is_shown_in_milliseconds(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [], front_over=["latency_ns", "macs"])
    found = read_run(run.folder)
    chart = front_section(found).body
    assert "latency in milliseconds" in chart
    assert '"x":[3.5]' in chart
    assert "latency_ns" not in chart
    assert "latency_ms 3.500" in summary_section(found).body
