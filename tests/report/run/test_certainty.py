"""How sure is the choice: in words and as a forest plot."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from helixnas.artifacts.files import write_json
from helixnas.artifacts.search_record import RunnerUp
from helixnas.report.reading import read_run
from helixnas.report.run.certainty import certainty_section, differing_blocks, forest, is_significant, verdict
from helixnas.search import Budget, Instance, InstanceBlock, certify, solve


def verdict_of(begin: Callable[..., Any], runners_up: list[tuple[float, float | None]]) -> str:
    run = begin()
    run.search("only", runners_up)
    return verdict(read_run(run.folder).searches[0])


@pytest.mark.parametrize(
    ("runners_up", "sentence"),
    [
        ([], "No other network meets the limits"),
        ([(0.01, None)], "is not known: that takes at least two rating batches"),
        ([(0.03, 0.01), (0.05, 0.01)], "significantly better than all of the next 2"),
        ([(0.03, 0.01), (0.01, 0.01)], "not significantly better than 1 of the next 2"),
        ([(0.0, 0.01), (0.02, 0.01)], "not significantly better than 2 of the next 2"),
    ],
)
def test_the_verdict_counts_those_within_two_standard_errors(
    begin: Callable[..., Any], runners_up: list[tuple[float, float | None]], sentence: str
) -> None:
    assert sentence in verdict_of(begin, runners_up)


@pytest.mark.parametrize(
    ("scores", "error", "sentence"),
    [
        (["naswot"], None, "is not known: NASWOT (untrained) was not measured per rating batch."),
        (["naswot", "calibrated"], 0.0, "is not known: NASWOT (untrained) and calibrated were not measured per rating"),
        (["log_kl", "naswot"], None, "is not known: that takes at least two rating batches."),
        (["log_kl"], 0.01, "significantly better than all of the next 1."),
        (
            ["log_kl", "naswot"],
            0.01,
            "1. Only the noise of the rating images counts here, not that of NASWOT (untrained).",
        ),
    ],
)
def test_scores_without_rating_noise_are_named(
    begin: Callable[..., Any], scores: list[str], error: float | None, sentence: str
) -> None:
    run = begin()
    run.search("only", [(0.03, error)])
    search = read_run(run.folder).searches[0]
    found = replace(search.found, config={**search.found.config, "scores": scores})
    assert sentence in verdict(replace(search, found=found))


@pytest.mark.parametrize(
    ("difference", "error", "expected"), [(1.0, None, None), (1.0, 0.0, None), (0.0, 0.0, False), (1.0, 0.4, True)]
)
def test_a_difference_without_spread_is_not_judged(
    difference: float, error: float | None, expected: bool | None
) -> None:
    assert is_significant(RunnerUp(architecture="a", difference=difference, standard_error=error)) is expected


def test_differing_blocks_of_equal_networks_are_none() -> None:
    assert differing_blocks("16:a 24:b", "16:a 24:b") == []


def test_few_batches_are_said_to_make_the_error_rough(finished: Any) -> None:
    body = certainty_section(read_run(finished.folder)).body
    assert "With 4 batches the standard error is itself rough: two of them cover about 86 %." in body


def test_certificate_and_comparison_are_shown_only_where_they_are_there(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [(0.01, 0.001)])
    body = certainty_section(read_run(run.folder)).body
    assert "Certificate" not in body
    assert "Other search methods" not in body
    one = np.array([1])
    block = InstanceBlock(width_in=one, width_out=one, score=one, costs=one[:, None], order=one)
    certificate = certify(solve(Instance(blocks=(block,), resources=("macs",)), Budget()))
    folder = run.folder / "searches" / "only"
    certificate.save(folder / "certificate.json")
    methods = [
        {"method": "exact search", "score": 0.9, "excess": 0.0, "seconds": 0.01, "finished": True},
        {"method": "<greedy>", "score": None, "excess": None, "seconds": 0.001, "finished": False},
    ]
    write_json(folder / "comparison.json", {"time_limit_s": 60.0, "methods": methods})
    body = certainty_section(read_run(run.folder)).body
    assert f"proven best of 1 networks, on scores and costs with the hash {certificate.instance_hash[:12]}" in body
    assert '<td>&lt;greedy&gt;</td><td class="n">none found</td>' in body
    replace(certificate, status="feasible", gap=0.125).save(folder / "certificate.json")
    assert "not proven best; its score is at most 12 % too high" in certainty_section(read_run(run.folder)).body


def test_a_row_of_the_forest_is_placed_by_its_difference(begin: Callable[..., Any]) -> None:
    run = begin()
    run.search("only", [(0.01, 0.001), (0.02, 0.02), (0.03, None)])
    sure, unsure, unknown = forest(read_run(run.folder).searches[0])
    zero, low, at, high = sure.places
    assert zero < low < at < high
    assert unsure.places[1] < unsure.places[0] == zero
    assert [row.is_hollow for row in (sure, unsure, unknown)] == [False, True, True]
    assert [row.text for row in (sure, unsure, unknown)] == [
        "0.01000 \u00b1 0.00200",
        "0.02000 \u00b1 0.04000",
        "0.03000",
    ]


def test_before_the_first_search_there_is_no_section(begin: Callable[..., Any]) -> None:
    assert certainty_section(read_run(begin().folder)) is None
