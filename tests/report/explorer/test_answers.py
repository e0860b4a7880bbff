"""What the explorer chooses among, and which resources it limits."""

from collections.abc import Callable
from typing import Any

import pytest

from helixnas.report.explorer import answers
from helixnas.report.explorer.answers import answers_of
from helixnas.report.reading import read_run


def test_without_costs_there_is_nothing_to_explore(begin: Callable[..., Any]) -> None:
    run = begin()
    run.teacher()
    run.rate()
    assert answers_of(read_run(run.folder)) is None


def test_limited_resources_come_first_then_latency(tied: Any) -> None:
    found = answers_of(read_run(tied.folder))
    assert found is not None
    assert found.found.resources == ("latency_ns", "macs", "params")
    tied.search("small", [])  # limits MACs
    again = answers_of(read_run(tied.folder))
    assert again is not None
    assert again.found.resources == ("macs", "latency_ns", "params")
    assert again.left_out == ()


def test_a_resource_of_which_all_networks_need_the_same_has_no_slider(begin: Callable[..., Any]) -> None:
    run = begin()
    run.rate()
    run.costs(most=1)
    assert answers_of(read_run(run.folder)) is None


def test_too_large_a_front_loses_its_last_resource(tied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = answers_of(read_run(tied.folder))
    monkeypatch.setattr(answers, "MOST_POINTS", 9)
    found = answers_of(read_run(tied.folder))
    assert whole is not None
    assert found is not None
    assert len(found.found) < len(whole.found)
    assert found.found.resources + found.left_out == whole.found.resources
    assert found.left_out


def test_costs_that_javascript_rounds_are_not_explored(tied: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "LARGEST_EXACT", 10)
    assert answers_of(read_run(tied.folder)) is None


def test_without_a_search_the_scores_are_those_of_the_recipe(tied: Any) -> None:
    config = tied.folder / "config.yaml"
    config.write_text(f"{config.read_text()}scores: [relative_l1]\n")
    found = answers_of(read_run(tied.folder))
    assert found is not None
    assert (found.scores, found.weights) == (("relative_l1",), ())
    config.write_text(config.read_text().replace("relative_l1", "no_more"))
    assert answers_of(read_run(tied.folder)) is None
