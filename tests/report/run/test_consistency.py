"""Stitching consistency: the score never stands without size, and the words follow the figures."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from helixnas.report.reading import read_run
from helixnas.report.run.consistency import comparison, consistency_section


def section(begin: Callable[..., Any], **kendall: float) -> str:
    run = begin()
    run.stitch(**kendall)
    return consistency_section(read_run(run.folder)).body


def changed_section(begin: Callable[..., Any], change: Callable[[dict[str, Any]], object]) -> str:
    """Return the section of a run whose figures were changed in place."""
    run = begin()
    run.stitch(score=0.5, macs=0.25, params=0.125, depth=0.0)
    file = run.folder / "ratings" / "stitching.json"
    content = json.loads(file.read_text())
    change(content["agreement"])
    file.write_text(json.dumps(content))
    return consistency_section(read_run(run.folder)).body


def improved(figures: dict[str, Any]) -> dict[str, Any]:
    return {**figures["score"], "partial_spearman": 0.5, "partial_spearman_interval": [0.25, 0.75]}


def test_score_and_sizes_are_shown_side_by_side(begin: Callable[..., Any]) -> None:
    body = section(begin, score=0.5, macs=0.25, params=0.125, depth=0.0)
    for name in ("summed score", "MACs", "parameters", "depth (layers)"):
        assert f"<td>{name}</td>" in body
    assert "with MACs, parameters and depth held fixed: 0.12 (95 % interval \u22120.12 to 0.38)." in body


def test_a_run_checked_before_the_partial_correlation_had_an_interval_is_shown_without(
    begin: Callable[..., Any],
) -> None:
    body = changed_section(begin, lambda figures: figures.pop("partial_spearman_interval"))
    assert "held fixed: 0.12. It is" in body


def test_several_kinds_of_score_are_shown_beside_the_first(begin: Callable[..., Any]) -> None:
    body = changed_section(
        begin, lambda figures: figures.update(kinds={"relative_l1": figures["score"], "task_kl": improved(figures)})
    )
    assert "<td>summed score (relative_l1)</td>" in body
    assert "<td>task_kl</td>" in body
    assert "Of other scores and sums: task_kl 0.50 (95 % interval 0.25 to 0.75)." in body


def test_the_sum_that_a_search_minimises_is_shown_beside_its_parts(begin: Callable[..., Any]) -> None:
    body = changed_section(begin, lambda figures: figures.update(sums={"log_kl + naswot": improved(figures)}))
    assert "<td>log_kl + naswot (added up by a search)</td>" in body
    assert "Of other scores and sums: log_kl + naswot 0.50 (95 % interval 0.25 to 0.75)." in body


def test_it_says_what_it_measures_and_what_not(begin: Callable[..., Any]) -> None:
    body = section(begin, score=0.5, macs=0.25, params=0.125, depth=0.0)
    assert "additivity" in body
    assert "not trained accuracy" in body


@pytest.mark.parametrize(
    ("kendall", "sentence"),
    [
        ({"score": 0.3, "macs": 0.4, "params": 0.1, "depth": 0.3}, "at least as well as the score: MACs and depth"),
        ({"score": 0.5, "macs": 0.25, "params": 0.1, "depth": 0.0}, "the lead is not certain"),
        ({"score": 0.9, "macs": 0.25, "params": 0.1, "depth": 0.0}, "better than any size alone."),
        ({"score": 0.1, "macs": 0.0, "params": 0.0, "depth": 0.0}, "interval includes 0"),
    ],
)
def test_the_words_follow_the_figures(begin: Callable[..., Any], kendall: dict[str, float], sentence: str) -> None:
    run = begin()
    run.stitch(**kendall)
    stitching = read_run(run.folder).stitching
    assert stitching is not None
    assert sentence in comparison(stitching["agreement"])


def test_too_few_networks_for_a_correlation_are_said_so(begin: Callable[..., Any]) -> None:
    assert "too few for a correlation" in section(begin)


def test_before_the_check_there_is_no_section(begin: Callable[..., Any]) -> None:
    assert consistency_section(read_run(begin().folder)) is None


def test_a_check_that_cannot_be_made_is_said_so_with_the_reason(begin: Callable[..., Any]) -> None:
    run = begin()
    run.stitch(score=0.5, macs=0.25, params=0.125, depth=0.0)
    content = {"architectures": [], "agreement": {}, "unavailable": "the head reads a class token"}
    (run.folder / "ratings" / "stitching.json").write_text(json.dumps(content))
    body = consistency_section(read_run(run.folder)).body
    assert "Unavailable in this run: the head reads a class token." in body
    for other in ("Kendall", "the teacher's own head", "too few"):
        assert other not in body


def test_where_no_network_was_asked_for_there_is_no_section_or_only_the_linear_classifier(
    begin: Callable[..., Any],
) -> None:
    run = begin()
    run.stitch(score=0.5, macs=0.25, params=0.125, depth=0.0)
    file = run.folder / "ratings" / "stitching.json"
    file.write_text(json.dumps({"architectures": [], "agreement": {}}))
    assert consistency_section(read_run(run.folder)) is None
    probes = {"probe": 0.5, "probe_before": 0.25, "num_probed": 60, "num_fitted": 500}
    file.write_text(json.dumps({"architectures": [], "agreement": {}, **probes}))
    body = consistency_section(read_run(run.folder)).body
    assert "is right for 50.0% of 60 rating images" in body
    assert "too few" not in body
